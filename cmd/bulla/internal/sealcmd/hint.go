package sealcmd

import (
	"errors"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// verb is the command that somebody called, "" for seal.
type verb string

const (
	verbSet    verb = "set"
	verbUnset  verb = "unset"
	verbRename verb = "rename"
	verbTarget verb = "target"
)

// noStub says what to name in the place of a file that is no stub. Each command is told
// of what it takes itself.
func (v verb) noStub(file string, secret bool) string {
	hint := map[verb]string{
		"":         "name a new file; a Secret manifest goes in with -f",
		verbSet:    "name a stub, or a new file to begin one; a Secret manifest goes into `bulla seal -f`",
		verbUnset:  "name a stub; a Secret manifest goes into `bulla seal -f`",
		verbTarget: "name a stub",
		verbRename: "name a stub; a Secret manifest goes into `bulla seal -f`",
	}[v]
	if secret {
		hint += ", or becomes a stub with `bulla seal --replace " + printable.Word(file) + "`"
	}
	return hint
}

// oneOnly sends whoever gives one value of several that change together to the command
// that takes them all.
func (v verb) oneOnly(err error) error {
	var partial *stub.PartialError
	if v == "" || !errors.As(err, &partial) || len(partial.Missing) == 0 {
		return err
	}
	return fault.WithHint(err, "values sealed together change together: give them all to `bulla seal STUB`, each with "+
		"--from-file KEY=PATH")
}
