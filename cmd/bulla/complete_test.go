package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// TestEveryPlaceHasItsCompletion walks the whole command line: a shell that is told
// nothing offers the files of the folder, for the name of a cluster too.
func TestEveryPlaceHasItsCompletion(t *testing.T) {
	files := map[string]bool{"file": true, "path": true, "export": true}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if name := cmd.Name(); name == "help" || name == "completion" {
			return
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			word, _ := pflag.UnquoteUsage(f)
			_, said := cmd.GetFlagCompletionFunc(f.Name)
			if f.Value.Type() != "bool" && !said && !files[word] {
				t.Errorf("%s --%s takes a %s, and nobody says what a shell offers", cmd.CommandPath(), f.Name, word)
			}
		})
		if cmd.Runnable() && !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil {
			t.Errorf("%s: nobody says what a shell offers for its arguments", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	var out strings.Builder
	walk(newRoot(&app{&shell.Shell{Stdout: &out, Stderr: &out, Screen: &out, Terminal: &out}}, "bulla"))
	if out.Len() > 0 {
		t.Errorf("something was printed: %s", out.String())
	}
}
