// Package shell is what every command of bulla shares: its streams, the repository
// that it works in, what it says beside its result, and the login to the key service.
package shell

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Shell is what every command shares.
type Shell struct {
	Stdin io.Reader
	// Stdout and Stderr escape what a terminal would act on; printable.Product is
	// for values and files that must arrive unchanged.
	Stdout, Stderr io.Writer
	// Screen is standard error as it was given, Terminal standard output.
	Screen, Terminal io.Writer
	// Repo and RootKey are the global flags.
	Repo, RootKey string
	// Missed counts files and placements that a command had to leave out of what
	// it did or told.
	Missed int
}

// Named returns where the file is that somebody named; see [fleetrepo.Named].
func (a *Shell) Named(path string) string {
	if root, err := fleetrepo.FindRoot(a.Repo); err == nil {
		return fleetrepo.Named(root, path)
	}
	return path
}

// Open reads the fleet repository without trusting it.
func (a *Shell) Open() (*fleetrepo.Repo, error) { return fleetrepo.Open(a.Repo) }

// OpenVerified reads the fleet repository and verifies its keys.
func (a *Shell) OpenVerified() (*fleetrepo.Repo, error) {
	repo, err := a.Open()
	if err != nil {
		return nil, err
	}
	store, err := trust.Open()
	if err != nil {
		return nil, err
	}
	return repo, repo.Verify(store, a.RootKey)
}

// Remember keeps that the repository's fleet.yaml was sealed under. A store
// that cannot be written, as on many a build machine, is no reason to fail.
func (a *Shell) Remember(repo *fleetrepo.Repo) {
	store, err := trust.Open()
	if err == nil {
		err = repo.Remember(store)
	}
	if err != nil {
		a.Warnf("an older fleet.yaml would not be noticed from now on: %v", err)
	}
}

// Printf writes to the standard output.
func (a *Shell) Printf(format string, args ...any) { fmt.Fprintf(a.Stdout, format, args...) }

// Warnf writes a warning to the standard error.
func (a *Shell) Warnf(format string, args ...any) {
	fmt.Fprintf(a.Stderr, "warning: "+format+"\n", args...)
}

// LeaveOut tells of what cannot be read. The command goes on without it and ends
// with exit code 3: what it did or told is not all there is.
func (a *Shell) LeaveOut(format string, args ...any) {
	a.Missed++
	a.Warnf(format, args...)
}

// LeaveOutAll tells of stubs that cannot be read.
func (a *Shell) LeaveOutAll(unreadable []model.Unreadable) {
	for _, u := range unreadable {
		a.LeaveOut("%s is left out: %s", u.Path, fault.Line(u.Err))
	}
}

// Notef writes a note to the standard error.
func (a *Shell) Notef(format string, args ...any) {
	fmt.Fprintf(a.Stderr, "note: "+format+"\n", args...)
}

// Progress returns a function that shows one line on a terminal and nothing
// elsewhere; an empty line clears it.
func (a *Shell) Progress() func(format string, args ...any) {
	file, ok := a.Screen.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(string, ...any) {}
	}
	return func(format string, args ...any) {
		fmt.Fprint(file, "\r\x1b[K", printable.Text(fmt.Sprintf(format, args...)))
	}
}
