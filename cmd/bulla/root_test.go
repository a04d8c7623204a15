package main

import (
	"io"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/fixtures/flagcanary"
)

// TestNoErrorOfACommandLineTellsASecret: a value may have lost its --from-literal.
func TestNoErrorOfACommandLineTellsASecret(t *testing.T) {
	flagcanary.Check(t, func() *cobra.Command {
		return newRoot(&app{&shell.Shell{Stdin: nil, Stdout: io.Discard, Stderr: io.Discard}}, "bulla")
	}, func(w io.Writer, err error) { fault.Print(w, err) })
}
