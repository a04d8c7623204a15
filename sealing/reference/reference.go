// Package reference holds a reference in Git against the stub in a key service's store
// that it names (kinds SealedReference and SealedManifest).
//
// What is reviewed, built and placed is the reference; what is opened is the stub. The
// two are one only if every part that a reviewer reads is the stub's own. Whoever takes
// a stub from a store, the key service, a controller and the command line, takes it
// with [Open], and with nothing else: a part that one of them did not compare would be
// a place where a reviewed file says one thing and the cluster gets another.
package reference

import (
	"errors"
	"fmt"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// Errors of [Of], beside those of the stub itself.
var (
	// ErrTooLarge: no store takes a stub of more than [api.MaxStoredStub] bytes.
	ErrTooLarge = fmt.Errorf("the stub has more than %d bytes, the most that a store takes", api.MaxStoredStub)
	// ErrTargets: the blocks have locks for different targets. A reference names the
	// targets once: it would foretell that a value opens where it does not.
	ErrTargets = errors.New("the blocks are not locked to the same targets; " +
		"hint: seal them again for the same ones, or keep the stub in Git")
)

// Of returns the reference of a stub of a fleet. data are the bytes of its file, which
// the store must have before the reference is in Git. Errors are those of
// [api.ParseSealedManifest], [ErrTooLarge] and [ErrTargets].
func Of(fleet, file string, data []byte) (*api.SealedReference, error) {
	if len(data) > api.MaxStoredStub {
		return nil, ErrTooLarge
	}
	stub, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return nil, err
	}
	targets := targetsOf(stub)
	if len(targets) == 0 {
		return nil, ErrTargets
	}
	content, err := sealing.ContentDigest(fleet, stub)
	if err != nil {
		return nil, err
	}
	return &api.SealedReference{
		TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindSealedReference},
		Metadata: stub.Metadata,
		Spec: api.SealedReferenceSpec{
			Template: stub.Spec.Template, Scope: stub.Spec.Scope, DeliverAs: stub.Spec.DeliverAs,
			Restart: stub.Spec.Restart, Fields: fieldsOf(stub), Targets: targets,
			Stub: api.StoredStub{Digest: api.StubDigest(data), Size: int64(len(data)), Content: content},
		},
	}, nil
}

// ContentDigest is the content digest of a stub, or of the one that a reference names, where
// there is a reference: the same, wherever the stub lies. [Open] holds it against the
// stub before anything of that is used.
func ContentDigest(fleet string, stub *api.SealedManifest, r *api.SealedReference) (string, error) {
	if r != nil {
		return r.Spec.Stub.Content, nil
	}
	return sealing.ContentDigest(fleet, stub)
}

// fieldsOf are the fields of all blocks, sorted. A stub has none twice.
func fieldsOf(stub *api.SealedManifest) []string {
	var all []string
	for _, block := range stub.Spec.Blocks {
		all = append(all, block.Fields...)
	}
	slices.Sort(all)
	return all
}

// targetsOf are the targets of the locks of each block, sorted; nil, which no reference
// has, unless all blocks have the same.
func targetsOf(stub *api.SealedManifest) (targets []string) {
	for i, block := range stub.Spec.Blocks {
		var of []string
		for _, lock := range block.Locks {
			of = append(of, lock.Target)
		}
		slices.Sort(of)
		of = slices.Compact(of) // one target may have a lock of two keys
		if i > 0 && !slices.Equal(of, targets) {
			return nil
		}
		targets = of
	}
	return targets
}
