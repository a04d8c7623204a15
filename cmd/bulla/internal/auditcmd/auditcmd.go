// Package auditcmd reads and verifies the key service's audit log.
package auditcmd

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// run is one run of a command here.
type run struct{ *shell.Shell }

// New is the command.
func New(s *shell.Shell) *cobra.Command { return newAudit(run{s}) }
