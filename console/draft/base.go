package draft

import (
	"bytes"
	"context"
	"errors"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/desk/stub"
)

// base is a commit that a draft stands on, and the store that has the stubs of its
// references, in the name of who asks.
type base struct {
	*clone.Snapshot
	store *stored.Store
}

// on is a base of the person of a context.
func (d *Desk) on(ctx context.Context, s *clone.Snapshot) base {
	return base{s, stored.New(s.Model.Fleet.Spec.ID, func() (stored.Service, error) {
		if d.Service == nil {
			return nil, errNoStore
		}
		return d.Service(ctx)
	}, func(string, ...any) {})}
}

// newest is the commit that the branch is at now.
func (d *Desk) newest(ctx context.Context) (base, error) {
	s, err := d.Clone.Snapshot(ctx)
	if err != nil {
		return base{}, err
	}
	return d.on(ctx, s), nil
}

var errNoStore = fault.WithHint(errors.New("nobody asks a key service here"), "use a clone, logged in")

// place is where values go. read is the file as it stands in Git; nil for a new one.
type place struct {
	sealjob.Where
	read *stored.File
}

// at is the file of a stub, or of a reference, whose stub is taken from the store.
func (b base) at(ctx context.Context, file string) (place, error) {
	data, err := b.file(file)
	if err != nil {
		return place{}, err
	}
	read, err := b.store.Read(ctx, file, data)
	if err != nil {
		return place{}, &StoreError{err}
	}
	return place{sealjob.Where{File: file, Old: data, Text: read.Text, Stub: read.Stub}, read}, nil
}

// StoreError is of a stub that the key service's store did not give.
type StoreError struct{ error }

func (e *StoreError) Unwrap() error { return e.error }

// file are the bytes of a sealed object.
func (b base) file(file string) ([]byte, error) {
	data, err := b.Tree.ReadFile(file)
	if err != nil || !api.ClaimsStub(data) {
		return nil, fault.New("load the page anew: it may be gone since", "there is no secret in %.200q", file)
	}
	return data, nil
}

// manifest is the stub that a file was at a commit; nil where nobody knows.
func (b base) manifest(ctx context.Context, file string) *api.SealedManifest {
	p, err := b.at(ctx, file)
	if err != nil {
		return nil
	}
	return p.Stub
}

// written are the files of a draft, and the stubs that the store must have before a branch
// names them, by the file that does.
type written struct{ files, keep map[string][]byte }

func (w written) with(file string, data, keep []byte) written {
	if w.files == nil {
		w.files = map[string][]byte{}
	}
	w.files[file] = data
	if keep != nil {
		if w.keep == nil {
			w.keep = map[string][]byte{}
		}
		w.keep[file] = keep
	}
	return w
}

// next is what stands in Git once the file stands for text, and the stub to be kept. A
// reference stays one; a stub becomes one where refer says so.
func (p place) next(fleet string, text []byte, refer bool) (data, keep []byte, err error) {
	switch {
	case p.read != nil && p.read.Reference != nil:
		return p.read.Next(fleet, text)
	case !refer:
		return text, nil, nil
	}
	r, err := stored.Reference(fleet, p.File, text)
	if err != nil {
		return nil, nil, err
	}
	data, err = stub.RenderReference(p.File, r)
	return data, bytes.Clone(text), err
}
