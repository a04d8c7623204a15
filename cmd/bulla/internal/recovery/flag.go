package recovery

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// Flag adds --identity to a command, spelled as age spells it.
func Flag(cmd *cobra.Command, to *[]string) {
	cmd.Flags().StringArrayVarP(to, "identity", "i", nil,
		"`file` with the recovery key, - for standard input; may be repeated")
	_ = cmd.MarkFlagRequired("identity") // fails for an unknown flag only
}

// SourceOf reads identities for the person at a shell.
func SourceOf(s *shell.Shell) *Source {
	return &Source{Stdin: s.Stdin, Warn: s.Warnf, Passphrase: passphrase}
}

// passphrase asks on the terminal. There is no flag and no variable for it:
// both are seen by others on the machine.
func passphrase(file string) (string, error) {
	text, err := shell.Hidden("Passphrase of " + file)
	if errors.Is(err, shell.ErrNoTerminal) {
		return "", fault.New(
			"run this on a terminal, or decrypt the file first: age -d -o - FILE | bulla open --identity -", "%w", err)
	}
	return string(text), err
}
