// Package unknown says what somebody may have meant who typed a command that is
// none.
package unknown

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Command returns the problem and what to do about it.
func Command(cmd *cobra.Command, given string) (problem error, hint string) {
	if !cmd.HasAvailableSubCommands() {
		return fmt.Errorf("%s takes no arguments, not %q", cmd.CommandPath(), given), cmd.CommandPath() + " --help lists its flags"
	}
	hint = cmd.CommandPath() + " --help lists the commands"
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2 // cobra's own, which it sets on its way to an error of its own
	}
	if near := cmd.SuggestionsFor(given); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s %s? %s", cmd.CommandPath(), near[0], hint)
	}
	return fmt.Errorf("unknown command %q for %q", given, cmd.CommandPath()), hint
}
