// Package stubs follows the stubs of one build: what stands for each while kustomize
// works, and what became of it.
package stubs

import (
	"errors"
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/kustomize/blame"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/internal/worker/deletions"
)

// Ledger has the stubs that a build reads. It is for one build.
type Ledger struct {
	// stubs by digest, and in the order in which they were read.
	stubs map[string]*built.Stub
	order []string
	// reads counts how often each stub's file was read, built how many objects
	// came of it: the two must be equal, see [Ledger.Account].
	reads, built map[string]int
	places       *places
	// inputs are the stubs as kustomize sees them, by digest.
	inputs map[string][]byte
}

// NewLedger returns an empty one.
func NewLedger() *Ledger {
	return &Ledger{
		stubs: map[string]*built.Stub{}, reads: map[string]int{}, built: map[string]int{}, places: newPlaces(),
		inputs: map[string][]byte{},
	}
}

// Read turns a stub into its template, named as the stub is and marked with the
// stub's digest: transformers then treat it as what it will be, and renames reach
// every reference. keep is asked before a stub is kept.
func (l *Ledger) Read(p string, data []byte, keep func(path string, size int) error) ([]byte, error) {
	digest := api.StubDigest(data)
	l.reads[digest]++
	if input, ok := l.inputs[digest]; ok {
		return input, nil
	}
	if err := keep(p, len(data)); err != nil {
		return nil, err
	}
	stub, err := built.ParseStub(p, data)
	if err != nil {
		return nil, parseFailure(p, err)
	}
	input, err := stub.Input(l.places.holdAll(stub))
	if err != nil {
		return nil, &worker.Failure{File: p, Problem: err.Error()}
	}
	l.stubs[digest], l.inputs[digest] = stub, input
	l.order = append(l.order, digest)
	return input, nil
}

// parseFailure has the file and line of each problem of a stub.
func parseFailure(p string, err error) *worker.Failure {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
		var all []*worker.Failure
		for _, e := range joined.Unwrap() {
			all = append(all, parseFailure(p, e))
		}
		all[0].More = all[1:]
		return all[0]
	}
	var parse *api.ParseError
	if !errors.As(err, &parse) {
		return &worker.Failure{File: p, Problem: err.Error()}
	}
	problem := parse.Problem
	if parse.Field != "" {
		problem = parse.Field + ": " + problem
	}
	return &worker.Failure{File: parse.File, Line: parse.Line, Problem: problem}
}

// Account checks that every stub came out as often as it was read, and returns
// those that a patch deletes by name. Any other way to lose one is refused.
func (l *Ledger) Account(patches []deletions.Deletion, who blame.Suspects) ([]built.Deleted, error) {
	var gone []built.Deleted
	for _, digest := range l.order {
		stub, missing := l.stubs[digest], l.reads[digest]-l.built[digest]
		if missing == 0 {
			continue
		}
		file, ok := deleted(stub, patches)
		if !ok || missing < 0 {
			return nil, l.lost(stub, missing, who)
		}
		gone = append(gone, built.Deleted{Stub: stub, File: file})
	}
	return gone, nil
}

func (l *Ledger) lost(stub *built.Stub, missing int, who blame.Suspects) error {
	file, others := who.Culprits(stub)
	problem := fmt.Sprintf("stub %s is read %s and builds %s of its own",
		stub.Path, plural.Of(l.reads[stub.Digest], "time"), plural.Of(l.built[stub.Digest], "object"))
	if missing == l.reads[stub.Digest] {
		problem = fmt.Sprintf("stub %s is read and builds no Secret: something replaces it, leaves it out, "+
			"or reads it as another thing than a resource", stub.Path)
	}
	return &worker.Failure{File: file, Problem: problem + alsoBy(others) +
		"; hint: list it under resources once; a Secret that is not wanted goes with a patch that says $patch: delete"}
}
