package shell

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// ErrNoTerminal reports that there is nobody to ask.
var ErrNoTerminal = errors.New("no terminal to ask on")

// ErrInterrupted reports that the person gave up, or that somebody ended the program.
var ErrInterrupted = errors.New("interrupted")

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
	return interruptible(tty)
}

// interruptible reads one line without echo. A read of a terminal ends with the line
// alone, so that whoever presses Ctrl-C would go on being asked.
func interruptible(tty *os.File) ([]byte, error) {
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(int(tty.Fd()))
		read <- line{text, err}
	}()
	select {
	case got := <-read:
		return got.text, got.err
	case <-signals:
		_ = term.Restore(int(tty.Fd()), before)
		return nil, ErrInterrupted
	}
}
