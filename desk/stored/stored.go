// Package stored reads and writes the files of sealed values, wherever their ciphertext
// lies: in the file itself, a stub, or in the key service's store, named by a reference.
//
// Who changes a stub changes a reference alike: they take its stub from the store, change
// that, and keep the changed one there before the file, or a commit, names it.
package stored

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Service is what of the key service keeps stubs.
type Service interface {
	GetStub(ctx context.Context, digest string) ([]byte, error)
	PutStub(ctx context.Context, stub []byte) (digest string, was bool, err error)
}

// Large is the size of a stub, in bytes, from which on a reference should stand in Git in
// its place: each new value adds as much to every clone, for ever.
const Large = 128 << 10

// Store is the key service's, of one fleet. It is asked when something of it is needed,
// and not before: who has no reference needs no login. It is not safe for concurrent use.
type Store struct {
	fleet    string
	open     func() (Service, error)
	progress func(format string, args ...any)
	service  Service
}

// New is the store of a fleet, in the name of whom open asks for. Progress says what takes
// long; "" is that nothing does.
func New(fleet string, open func() (Service, error), progress func(format string, args ...any)) *Store {
	return &Store{fleet: fleet, open: open, progress: progress}
}

// Close ends the connections of a service that has some.
func (s *Store) Close() {
	if c, ok := s.service.(interface{ Close() }); ok {
		c.Close()
	}
}

func (s *Store) ask() (Service, error) {
	if s.service != nil {
		return s.service, nil
	}
	var err error
	if s.service, err = s.open(); err != nil {
		s.service = nil
		return nil, err
	}
	return s.service, nil
}

// File is a file of sealed values, as it was read.
type File struct {
	// Path is the file's, from the repository's root.
	Path string
	// Data are its bytes.
	Data []byte
	// Text is the stub that it stands for, as text to edit, and Stub the same, parsed: the
	// file itself, or what its reference names, with all that the reference says of its own.
	Text []byte
	Stub *api.SealedManifest
	// Reference is nil for a stub.
	Reference *api.SealedReference
	// Stored are the bytes in the store; nil for a stub.
	Stored []byte
}

// Read reads a file that is a stub or a reference, of which it takes the stub from the
// store and holds it against the reference.
func (s *Store) Read(ctx context.Context, path string, data []byte) (*File, error) {
	parsed, err := built.ParseStub(path, data)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Data: data, Text: data, Stub: parsed.Manifest, Reference: parsed.Reference}
	if f.Reference == nil {
		return f, nil
	}
	var kept *api.SealedManifest
	if f.Stored, kept, err = s.take(ctx, path, f.Reference); err != nil {
		return nil, err
	}
	if f.Text, err = stub.Dress(path, f.Stored, kept, f.Reference); err != nil {
		return nil, err
	}
	f.Stub, err = api.ParseSealedManifest(path, f.Text)
	return f, err
}

// Stub is the stub of a reference, held against it.
func (s *Store) Stub(ctx context.Context, path string, r *api.SealedReference) (*api.SealedManifest, error) {
	_, kept, err := s.take(ctx, path, r)
	return kept, err
}

func (s *Store) take(ctx context.Context, path string, r *api.SealedReference) ([]byte, *api.SealedManifest, error) {
	service, err := s.ask()
	if err != nil {
		return nil, nil, fmt.Errorf("%s is a %s, and its stub is in the key service's store: %w", path,
			api.KindSealedReference, err)
	}
	s.progress("takes the stub of %s from the key service", path)
	defer s.progress("")
	data, err := service.GetStub(ctx, r.Spec.Stub.Digest)
	if err != nil {
		return nil, nil, explainGet(path, err)
	}
	kept, err := reference.Open(s.fleet, r, data)
	if err != nil {
		return nil, nil, fault.New("take the file as it was from Git (git checkout REVISION -- FILE): nobody can tell which "+
			"of the two is meant", "%s: %w", path, err)
	}
	return data, kept, nil
}

// Next is what is to stand in the file once text is what it stands for, and the stub that
// the store must have before that; nil where nothing needs to be kept.
func (f *File) Next(fleet string, text []byte) (data, keep []byte, err error) {
	if f.Reference == nil {
		return text, nil, nil
	}
	if bytes.Equal(text, f.Text) {
		return f.Data, nil, nil
	}
	now, err := Reference(fleet, f.Path, text)
	if err != nil {
		return nil, nil, err
	}
	if f.holds(fleet, now, text) {
		now.Spec.Stub = f.Reference.Spec.Stub
	} else {
		keep = text
	}
	data, err = stub.RenderReference(f.Path, now)
	return data, keep, err
}

// holds: only what a reference says of its own is another, and the stub that is kept does.
func (f *File) holds(fleet string, now *api.SealedReference, text []byte) bool {
	parsed, err := api.ParseSealedManifest(f.Path, text)
	if err != nil || !reflect.DeepEqual(parsed.Spec.Blocks, f.Stub.Spec.Blocks) {
		return false
	}
	as := *now
	as.Spec.Stub = f.Reference.Spec.Stub
	_, err = reference.Open(fleet, &as, f.Stored)
	return err == nil
}

// Keep puts a stub into the store, and returns when it is there for good.
func (s *Store) Keep(ctx context.Context, path string, keep []byte) (was bool, err error) {
	service, err := s.ask()
	if err != nil {
		return false, fmt.Errorf("keep the stub of %s in the key service's store: %w", path, err)
	}
	s.progress("gives the stub of %s to the key service", path)
	defer s.progress("")
	_, was, err = service.PutStub(ctx, keep)
	return was, explainPut(path, err)
}

// Show prints what would stand in the file, and keeps nothing.
func (s *Store) Show(to io.Writer, f *File, text []byte) error {
	data, _, err := f.Next(s.fleet, text)
	if err != nil {
		return err
	}
	_, err = printable.Product(to).Write(data)
	return err
}

// Replace has the file stand for another text. The store has the stub before the file
// names it: no commit comes before its blob.
func (s *Store) Replace(ctx context.Context, f *File, at string, text []byte) error {
	data, keep, err := f.Next(s.fleet, text)
	if err != nil {
		return err
	}
	if keep != nil {
		if _, err := s.Keep(ctx, f.Path, keep); err != nil {
			return err
		}
	}
	return atomicfile.Replace(at, f.Data, data)
}
