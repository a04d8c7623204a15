// Package clustercmd adds clusters to a fleet, lists them and takes them out.
package clustercmd

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// run is one run of a command here.
type run struct{ *shell.Shell }

// New is the command.
func New(s *shell.Shell) *cobra.Command { return newCluster(run{s}) }
