package sealcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
)

var ofSecret = regexp.MustCompile(`\bkind"?\s*:\s*["']?Secret\b`)

// opening is what a stub's file is read for, or begun.
type opening struct {
	fleet     sealjob.Fleet
	what      sealjob.What
	placement string
	asked     asked
	// manifest is the Secret that was given, or nil.
	manifest *values.Manifest
	// verb is the command that somebody called: hints name what it takes.
	verb verb
	// anew begins a new stub in the place of a manifest in the clear.
	anew bool
	// store has the stub of a reference.
	store *stored.Store
	// read is the file as it was read, nil for a new one.
	read *stored.File
	// was are the files that change beside it, as they were read.
	was map[string][]byte
}

// open reads the stub, or begins a new one.
func (p *opening) open(ctx context.Context, file string) (where sealjob.Where, err error) {
	where.File = file
	data, err := os.ReadFile(p.fleet.Repo.Abs(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, syscall.ENAMETOOLONG):
		return where, fault.NewUsage("give the path of the file, with a shorter name",
			"the stub's name is too long for the name of a file")
	case err != nil:
		return where, fmt.Errorf("read stub: %w", err)
	default:
		where.Old = data
	}
	switch {
	case p.anew, where.Old == nil:
		if where.Stub, err = p.begin(file); err == nil {
			err = p.list(&where)
		}
		return where, err
	}
	if !api.ClaimsStub(data) {
		// Not parsed further: it may be a Secret in the clear, and errors quote.
		return where, fault.New(p.verb.noStub(file, ofSecret.Match(data)), "%s is there and is not a %s", file,
			api.KindSealedManifest)
	}
	if p.read, err = p.store.Read(ctx, file, data); err != nil {
		return where, err
	}
	where.Stub, where.Text = p.read.Stub, p.read.Text
	if err := p.fits(where); err != nil {
		return where, err
	}
	return p.takeOver(where)
}

// list has the kustomization of a new stub name it. What it had is kept, to be held to
// what it has when it is written: a person may be asked for a value in between.
func (p *opening) list(where *sealjob.Where) (err error) {
	tree := p.fleet.Repo.Tree
	if where.Also, err = sealjob.Listed(p.fleet.Repo.Model, tree, where.File); err != nil {
		return err
	}
	p.was = map[string][]byte{}
	for file := range where.Also {
		if p.was[file], err = tree.ReadFile(file); err != nil {
			return err
		}
	}
	return nil
}

// takeOver puts what a manifest says beside its values into the stub, and says
// what the stub has beyond it.
func (p opening) takeOver(where sealjob.Where) (sealjob.Where, error) {
	if stub.Immutable(where.Stub) && len(p.what.Values) > 0 &&
		!stub.MayReplace(where.Stub) {
		p.fleet.Warn("%s makes an immutable Secret: a cluster that has it refuses the new value. "+
			"Seal a stub with a new name, or annotate the template with %s: enabled to have it deleted and made again "+
			"(force: true of a placement says it of all its objects)",
			where.File, v1alpha1.ForceAnnotation)
	}
	if p.manifest == nil {
		return where, nil
	}
	text, stays, err := stub.TakeOver(where.File, where.Text, where.Stub, p.manifest)
	if err != nil {
		return where, err
	}
	if where.Stub, err = api.ParseSealedManifest(where.File, text); err != nil {
		return where, err
	}
	where.Text = text
	for _, key := range where.Keys() {
		if _, given := p.what.Values[key]; !given && !slices.Contains(p.what.Without, key) {
			stays = append(stays, fmt.Sprintf("key %s (--remove %s takes it away)", key, key))
		}
	}
	if len(stays) > 0 {
		p.fleet.Note("%s keeps what the manifest does not have: %s", where.File, strings.Join(stays, ", "))
	}
	return where, nil
}
