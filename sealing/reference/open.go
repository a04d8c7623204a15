package reference

import (
	"bytes"
	"fmt"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// Part is what of a stub is not as its reference says. There is no harmless one.
type Part string

// The parts, in the order in which they are compared.
const (
	Size      Part = "size"
	Digest    Part = "digest"
	Form      Part = "form"
	Name      Part = "name"
	Namespace Part = "namespace"
	Template  Part = "template"
	Scope     Part = "scope"
	Fields    Part = "fields"
	Targets   Part = "targets"
	Content   Part = "content digest"
)

// Mismatch refuses a stub for a reference. It repeats nothing of the stub: who gave the
// bytes may not be who reads the error.
type Mismatch struct{ Part Part }

func (m *Mismatch) Error() string {
	if m.Part == Form {
		return "the stored stub is not one that parses"
	}
	return fmt.Sprintf("the stored stub is not what its reference says: they differ in %s", m.Part)
}

// Open returns the stub that a reference of a fleet names, from the bytes that a store
// gave for it, or a *[Mismatch]. The reference has been parsed; the bytes may be anybody's.
//
// deliverAs, restart, and the labels and annotations of the file itself, are the
// reference's alone: no lock is bound to them, and none is of the stub's values.
func Open(fleet string, r *api.SealedReference, data []byte) (*api.SealedManifest, error) {
	// Size and hash come first: what is not the very stub is not parsed.
	if int64(len(data)) != r.Spec.Stub.Size {
		return nil, &Mismatch{Size}
	}
	if api.StubDigest(data) != r.Spec.Stub.Digest {
		return nil, &Mismatch{Digest}
	}
	stub, err := api.ParseSealedManifest("stub", data)
	if err != nil {
		return nil, &Mismatch{Form}
	}
	if part, ok := differs(fleet, r, stub); ok {
		return nil, &Mismatch{part}
	}
	return stub, nil
}

// differs finds the first part of a stub that is not as its reference says. The digest
// alone binds none of it: whoever may write a reference may name any stub of the store in
// it, another application's for one, under a name and targets of their own.
func differs(fleet string, r *api.SealedReference, s *api.SealedManifest) (Part, bool) {
	switch {
	case r.Metadata.Name != s.Metadata.Name:
		return Name, true
	case r.Metadata.Namespace != s.Metadata.Namespace:
		return Namespace, true
	case !bytes.Equal(r.Spec.Template, s.Spec.Template):
		return Template, true
	case r.Spec.Scope.OrDefault() != s.Spec.Scope.OrDefault():
		return Scope, true
	case !slices.Equal(r.Spec.Fields, fieldsOf(s)):
		return Fields, true
	case !slices.Equal(r.Spec.Targets, targetsOf(s)):
		return Targets, true
	}
	content, err := sealing.ContentDigest(fleet, s)
	return Content, err != nil || r.Spec.Stub.Content != content
}
