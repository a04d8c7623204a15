package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/fixtures/flagcanary"
)

// TestNoErrorOfACommandLineTellsASecret: a value may have lost its --from-literal.
func TestNoErrorOfACommandLineTellsASecret(t *testing.T) {
	flagcanary.Check(t, func() *cobra.Command {
		return newRoot(&app{&shell.Shell{Stdin: nil, Stdout: io.Discard, Stderr: io.Discard}}, "bulla")
	}, func(w io.Writer, err error) { fault.Print(w, err) })
}

// TestAWordThatIsNoCommandIsRefused: help and exit code 0 would look as if it was done.
func TestAWordThatIsNoCommandIsRefused(t *testing.T) {
	var look func(cmd *cobra.Command, path ...string)
	look = func(cmd *cobra.Command, path ...string) {
		if !cmd.HasSubCommands() {
			return
		}
		args := append(slices.Clone(path), "nosuch")
		var out strings.Builder
		if code := run(append([]string{"bulla"}, args...), strings.NewReader(""), &out, &out); code != fault.Usage ||
			!strings.Contains(out.String(), "\nhint: ") {
			t.Errorf("bulla %s ends with %d: %s", strings.Join(args, " "), code, out.String())
		}
		for _, below := range cmd.Commands() {
			if below.IsAvailableCommand() && below.Name() != "help" && below.Name() != "completion" {
				look(below, append(slices.Clone(path), below.Name())...)
			}
		}
	}
	look(newRoot(&app{&shell.Shell{}}, "bulla"))
}
