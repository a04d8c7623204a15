package shell

import (
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// ErrNoTerminal reports that there is nobody to ask.
var ErrNoTerminal = errors.New("no terminal to ask on")

// Hidden asks on the terminal for what must not be shown, whatever the standard
// streams are. Nothing is written where it asks for "".
func Hidden(what string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, ErrNoTerminal
	}
	defer tty.Close()
	if what != "" {
		_, _ = io.WriteString(tty, what+": ")
		defer func() { _, _ = io.WriteString(tty, "\n") }()
	}
	return term.ReadPassword(int(tty.Fd()))
}
