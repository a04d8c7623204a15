// Package keyneeds finds the stubs that a sealing key is still needed for.
package keyneeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/desk/keyuse"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Needs are the stubs that a key is needed for.
type Needs struct {
	// Head is the accepted head that Current is of.
	Head    string
	Current []Needed
	// History are those that Current has not, each at the newest commit that
	// has it.
	History []Needed
	// unread are files of the accepted head that cannot be read.
	unread []string
}

// Needed is one stub.
type Needed struct{ path, digest, commit string }

// Find looks at the accepted head, and at every commit that was in force
// since then: the heads that the service accepted, and what lies between them.
func Find(ctx context.Context, of *config.Config, key string, next *api.FleetSpec, since time.Time) (*Needs, error) {
	const hint = "start `bulla-keyservice serve` once: what needs the key is looked up where the service looks"
	rows, err := parts.OpenRows(ctx, of)
	if err != nil {
		return nil, err
	}
	if rows == nil {
		return nil, fault.New(hint, "find what needs the key: the service never ran")
	}
	defer rows.Close() //nolint:errcheck // only read
	mirror, commits, err := inForce(ctx, of, rows, since, hint)
	if err != nil {
		return nil, err
	}
	found, seen := &Needs{Head: commits[0]}, map[string]bool{}
	reader, opens := &keyuse.Reader{Kept: keptIn(ctx, rows, of.Fleet)}, keyuse.Opens(next)
	for i, commit := range commits {
		tree, err := mirror.Tree(commit)
		if err != nil {
			return nil, fmt.Errorf("read commit %s: %w", commit, err)
		}
		stubs, broken := reader.Read(tree)
		if i == 0 {
			found.unread = broken
		}
		for _, stub := range stubs {
			if seen[stub.Path+stub.Digest] || !stub.Needs(key, opens) {
				continue
			}
			seen[stub.Path+stub.Digest] = true
			n := Needed{stub.Path, stub.Digest, commit}
			if i == 0 {
				found.Current = append(found.Current, n)
			} else {
				found.History = append(found.History, n)
			}
		}
	}
	return found, nil
}

// keptIn takes stubs of references from the store's rows. One that is not there any more,
// or is not as its reference says, opens nothing, and needs no key; of one that cannot be
// read nobody knows.
func keptIn(ctx context.Context, rows *store.DB, fleet string) func(
	string, *api.SealedReference) (*api.SealedManifest, error) {
	return func(path string, r *api.SealedReference) (*api.SealedManifest, error) {
		data, err := rows.Stub(ctx, fleet, r.Spec.Stub.Digest)
		if errors.Is(err, store.ErrNotFound) {
			return &api.SealedManifest{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: read its stub: %w", path, err)
		}
		manifest, err := reference.Open(fleet, r, data)
		if err != nil {
			return &api.SealedManifest{}, nil //nolint:nilerr // the service refuses it too, whatever its key
		}
		return manifest, nil
	}
}

// inForce lists the commits that decided since then, the newest first.
func inForce(
	ctx context.Context, of *config.Config, rows *store.DB, since time.Time, hint string,
) (*git.Mirror, []string, error) {
	heads, err := rows.HeadsSince(ctx, of.Fleet, of.Repository.Ref, since)
	if err != nil {
		return nil, nil, err
	}
	if len(heads) == 0 {
		return nil, nil, fault.New(hint, "find what needs the key: no head is accepted: %w", store.ErrNotFound)
	}
	mirror, err := parts.OpenMirror(of)
	if err != nil {
		return nil, nil, err
	}
	commits, err := mirror.History(ctx, heads[0].Hash, heads[len(heads)-1].Hash)
	if err != nil {
		return nil, nil, err
	}
	listed := map[string]bool{}
	for _, commit := range commits {
		listed[commit] = true
	}
	for _, head := range heads { // one that came in from the side, or was rewritten
		if !listed[head.Hash] && mirror.Contains(head.Hash) {
			commits = append(commits, head.Hash)
		}
	}
	return mirror, commits, nil
}

// Print says which, and what could not be read.
func (n *Needs) Print(w io.Writer) {
	for _, file := range n.unread {
		fmt.Fprintf(w, "warning: %s cannot be read, and is not counted\n", file)
	}
	for _, s := range n.Current {
		fmt.Fprintf(w, "needed now: %s\n", s.path)
	}
	for _, s := range n.History {
		fmt.Fprintf(w, "needed by a rollback to %.12s: %s\n", s.commit, s.path)
	}
}
