package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/bulla-dev/bulla/cmd/internal/command"
)

const docsIntro = `# bulla: command reference

Written by ` + "`go run ./cmd/bulla docs`" + `; a test compares.

` + "`bulla`" + ` is also a kubectl plugin: link it as ` + "`kubectl-bulla`" + ` on the PATH and call ` +
	"`kubectl bulla`" + `.
Completion for your shell: ` + "`source <(bulla completion bash)`" + `, likewise for zsh, fish and PowerShell.
Man pages: ` + "`bulla docs --man ~/.local/share/man/man1`" + `, then ` + "`man bulla-seal`" + `.

`

func newDocs(a *app) *cobra.Command {
	var man string
	docs := &cobra.Command{
		Use: "docs", Short: "Print this reference as Markdown", Hidden: true, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if man != "" {
				return writeManPages(man, cmd.Root())
			}
			fmt.Fprint(a.Stdout, docsIntro)
			writeDocs(a.Stdout, cmd.Root())
			return nil
		},
	}
	docs.Flags().StringVar(&man, "man", "", "write man pages into this `folder` instead")
	return docs
}

// writeManPages writes a page for each command. Their date is SOURCE_DATE_EPOCH's,
// so that two builds of one release are the same.
func writeManPages(folder string, root *cobra.Command) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // Man pages are for everybody.
		return fmt.Errorf("write man pages: %w", err)
	}
	root.DisableAutoGenTag = true
	err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "bulla", Manual: "bulla"}, folder)
	if err != nil {
		return fmt.Errorf("write man pages: %w", err)
	}
	return nil
}

// writeDocs writes one section for a command and each of its children.
func writeDocs(w io.Writer, cmd *cobra.Command) {
	if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
		return
	}
	cmd.InitDefaultHelpFlag()
	fmt.Fprintf(w, "## %s\n\n", cmd.CommandPath())
	about := cmd.Long
	if about == "" {
		about = cmd.Short + "."
	}
	// Indented lines are code to Markdown, as they should be.
	fmt.Fprintf(w, "%s\n\n", about)
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(w, "```\n%s\n```\n\n", cmd.UseLine())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(w, "Also: `%s %s`.\n\n", cmd.Parent().CommandPath(), strings.Join(cmd.Aliases, "`, `"))
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "Examples:\n\n```sh\n%s\n```\n\n", outdent(cmd.Example))
	}
	if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(w, "Flags:\n\n```\n%s```\n\n", flags.FlagUsages())
	}
	for _, child := range cmd.Commands() {
		writeDocs(w, child)
	}
}

func outdent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
