package sealjob

import (
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// Job is what to seal, for whom, where and how, in one fleet. It is filled once,
// and nothing in it changes after that.
type Job struct {
	Fleet Fleet
	What  What
	Whom  Whom
	Where Where
	How   How
}

// Fleet is the repository, what builds it, and where to say something about it.
type Fleet struct {
	// Repo is verified: its keys are the pinned root key's.
	Repo    *fleetrepo.Repo
	Builder *kustomize.Builder
	// Warn prints a warning, Note what is good to know; Progress says on a
	// terminal what takes long.
	Warn, Note, Progress func(format string, args ...any)
}

// What is given, and what goes.
type What struct {
	Values values.Set
	// Without are keys to take away; Renamed those among them that are there
	// again under another name, with a value that was given.
	Without []string
	Renamed map[string]string
}

// Check refuses a key that is given and taken away. It wants a value for the new
// name of each key: the old one is bound to its name, and nobody here can open it.
func (w What) Check() error {
	for _, key := range w.Without {
		if _, given := w.Values[key]; given {
			return fault.NewUsage("do one of the two", "key %q is given a value and taken away", key)
		}
	}
	for _, old := range slices.Sorted(maps.Keys(w.Renamed)) {
		if now := w.Renamed[old]; w.Values[now] == nil {
			return fault.NewUsage("give the value again, with --from-file "+now+"=PATH or with -",
				"rename %s to %s: a sealed value is bound to its key, and nobody here can open it to seal it anew", old, now)
		}
	}
	return nil
}

// Whom the values are for.
type Whom struct {
	// Placement to seal for; "" looks through all of them.
	Placement string
	// Targets are those asked for; none means those of the placement, or those
	// that the file has.
	Targets []sealing.Target
	// More are targets beside those that the file has.
	More []sealing.Target
	// TwoLock admits targets that are single clusters; SetsOnly says that the command has
	// no flag for them, which hints must not name.
	TwoLock, SetsOnly bool
	// Never are targets that are left out of those that the file has.
	Never []sealing.Target
}

// Where the values go: a stub's file, as it is and as it is to be.
type Where struct {
	// File is the stub's path in the repository.
	File string
	// Old are the file's bytes on disk, nil when there is none.
	Old []byte
	// Text is the stub to edit, nil for a new one. It may differ from Old.
	Text []byte
	// Stub is the parsed file, or a new stub without blocks.
	Stub *api.SealedManifest
	// Also are other files of the repository as they will be.
	Also map[string][]byte
}

// Keys are those that the stub seals.
func (w Where) Keys() []string {
	keys := map[string]bool{}
	for _, block := range w.Stub.Spec.Blocks {
		for _, field := range block.Fields {
			keys[strings.TrimPrefix(field, "/data/")] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// How the values are sealed.
type How struct {
	// Together puts all values into one block.
	Together bool
	// Apart leaves a certificate and its key in blocks of their own.
	Apart bool
	// Replaces says that the stub takes the place of the values.
	Replaces bool
	// AsIs admits values that look like placeholders of other tools.
	AsIs bool
	// Rehearse seals a second time, to a key that is thrown away, and opens that.
	Rehearse bool
	// Key is the id of the sealing key asked for; "" is the Active one.
	Key string
}

// Outcome is a sealed file.
type Outcome struct {
	Data []byte
	// Sealed lists each block that was written.
	Sealed []Sealed
	// Gone are the keys that were taken away.
	Gone []string
	// Object is a built object that the blocks are bound to; Uses are all of them,
	// one for each placement and name, as far as placements build the stub.
	Object built.Use
	Uses   []built.Use
	Key    string
}

// Objects are the names of all that the stub becomes, sorted; where nothing builds it yet,
// the one that its file names.
func (o *Outcome) Objects() []string {
	names := make([]string, 0, len(o.Uses))
	for _, use := range o.Uses {
		names = append(names, use.Namespace+"/"+use.Name)
	}
	if slices.Sort(names); len(names) == 0 {
		return []string{o.Object.Namespace + "/" + o.Object.Name}
	}
	return slices.Compact(names)
}

// Becomes is the same for people: of several, each with the placement whose it is.
func (o *Outcome) Becomes() string {
	objects := o.Objects()
	if len(objects) == 1 {
		return objects[0]
	}
	var places []string
	for _, use := range o.Uses {
		places = append(places, use.Namespace+"/"+use.Name+" in "+use.Title())
	}
	return strings.Join(places, ", ")
}

// Sealed is one block that was written.
type Sealed struct {
	Fields  []string
	Targets []string
}
