// Package servicecmd has the commands that ask the key service: where secrets stand, who is
// logged in, what is denied, which keys are used.
package servicecmd

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// run is one run of a command here.
type run struct{ *shell.Shell }

// New are the commands.
func New(s *shell.Shell) []*cobra.Command {
	a := run{s}
	return []*cobra.Command{newLogin(a), newStatus(a), newKeys(a), newHistory(a), newDeny(a), newReconcile(a)}
}
