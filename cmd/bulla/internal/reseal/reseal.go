// Package reseal moves the locks of a fleet's stubs to its Active sealing key,
// through the key service and without plaintext.
//
// The service is asked by digest: it reads the bytes itself, at the head that it
// accepted. What it answers is not taken on trust. A new lock must be for the
// target of the old one, under the key that the pinned root key signed as
// Active, and of the form that an honest sealer makes; and nothing but the text
// of locks is written. (A service that lies can give a lock that does not open.
// It cannot give one that opens for somebody else: the payload is not touched.)
package reseal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/sealing"
)

// batch is how many stubs are asked for at a time: what a token does in seconds,
// so that progress shows and an error costs little.
const batch = 50

// Service is the key service as an operator sees it.
type Service interface {
	Rewrap(ctx context.Context, in *keyservicev1.RewrapRequest) (*keyservicev1.RewrapResponse, error)
}

// Job moves the locks of one working tree.
type Job struct {
	// Repo is verified: its Active key is the pinned root key's word.
	Repo    *fleetrepo.Repo
	Service Service
	// Store has the stubs of references.
	Store *stored.Store
	// Inline has a reference become its stub, with the moved locks, and keeps nothing in the
	// store: for an operator who is no developer.
	Inline bool
	// Head is the commit that is checked out.
	Head     string
	Progress func(format string, args ...any)
}

// Outcome says what became of each stub with a lock under another key than the
// Active one, in the order of paths; those that cannot be read are the first of
// Left, since nobody knows which keys they need.
type Outcome struct {
	Key   string
	Moved []string
	Left  []Left
}

// Left is a stub that was not moved.
type Left struct {
	Path    string
	Refusal keyservicev1.Refusal
	// Err is set for a problem on this side.
	Err error
}

// stale is a stub with a lock to move.
type stale struct {
	path, digest string
	data         []byte
}

// ErrOtherKey means that the service moves locks to another key than the working
// tree's Active one.
var ErrOtherKey = errors.New("the key service's Active key is another")

// ErrAnswer means that the service's answer is not what was asked for.
var ErrAnswer = errors.New("the key service's answer is not acceptable")

// Run moves what can be moved. With an error, what the outcome lists as moved is
// written all the same.
func (j *Job) Run(ctx context.Context) (*Outcome, error) {
	active, ok := j.Repo.Model.Fleet.Spec.ActiveKey()
	if !ok {
		return nil, fault.New("`bulla-keyservice keys rotate` makes one: have fleet.yaml hold it first",
			"find the Active key: the fleet has none")
	}
	todo, broken := j.find(ctx, active.ID)
	out := &Outcome{Key: active.ID, Left: broken}
	defer j.Progress("")
	for asked := range slices.Chunk(todo, batch) {
		j.Progress("moved %d of %s to key %s", len(out.Moved), plural.Of(len(todo), "stub"), active.ID)
		if err := j.ask(ctx, active, asked, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// find lists the stubs with a lock under any key but the Active one, and those
// that cannot be read.
func (j *Job) find(ctx context.Context, active string) (found []stale, broken []Left) {
	stubs, unreadable := model.Stubs(j.Repo.Tree)
	for _, u := range unreadable {
		broken = append(broken, Left{Path: u.Path, Err: u.Err})
	}
	for _, s := range stubs {
		manifest := s.Manifest
		if s.Reference != nil {
			var err error
			if manifest, err = j.Store.Stub(ctx, s.Path, s.Reference); err != nil {
				broken = append(broken, Left{Path: s.Path, Err: err})
				continue
			}
		}
		if hasOther(manifest, active) {
			found = append(found, stale{path: s.Path, data: s.Data, digest: s.Digest})
		}
	}
	return found, broken
}

func hasOther(parsed *api.SealedManifest, active string) bool {
	return slices.ContainsFunc(parsed.Spec.Blocks, func(b api.Block) bool {
		return slices.ContainsFunc(b.Locks, func(l api.Lock) bool { return l.Key != active })
	})
}

// ask asks for one batch and writes what comes back. Two files with the same
// bytes are asked for once.
func (j *Job) ask(ctx context.Context, active api.SealingKey, stubs []stale, out *Outcome) error {
	in := &keyservicev1.RewrapRequest{Head: j.Head}
	for _, s := range stubs {
		if !slices.Contains(in.Digests, s.digest) {
			in.Digests = append(in.Digests, s.digest)
		}
	}
	answer, err := j.Service.Rewrap(ctx, in)
	if isTooMuch(err) && len(in.Digests) > 1 {
		half := len(stubs) / 2
		if err := j.ask(ctx, active, stubs[:half], out); err != nil {
			return err
		}
		return j.ask(ctx, active, stubs[half:], out)
	}
	if err != nil {
		return err
	}
	if answer.GetKey() != active.ID {
		return fmt.Errorf("%w: %q, and fleet.yaml here says %q", ErrOtherKey, answer.GetKey(), active.ID)
	}
	if len(answer.GetResults()) != len(in.Digests) {
		return fmt.Errorf("%w: %d results for %s", ErrAnswer, len(answer.GetResults()),
			plural.Of(len(in.Digests), "stub"))
	}
	for _, s := range stubs {
		result := answer.GetResults()[slices.Index(in.Digests, s.digest)]
		err := j.write(ctx, active, s, result)
		switch {
		case result.GetRefusal() != keyservicev1.Refusal_REFUSAL_UNSPECIFIED:
			out.Left = append(out.Left, Left{Path: s.path, Refusal: result.GetRefusal()})
		case err != nil:
			out.Left = append(out.Left, Left{Path: s.path, Err: err})
		default:
			out.Moved = append(out.Moved, s.path)
		}
	}
	return nil
}

// isTooMuch reports whether the stubs have more locks than one request moves.
func isTooMuch(err error) bool {
	var denied *client.DeniedError
	return errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonTooMuch
}

func (j *Job) write(ctx context.Context, active api.SealingKey, s stale, result *keyservicev1.RewrapResult) error {
	if result.GetRefusal() != keyservicev1.Refusal_REFUSAL_UNSPECIFIED {
		return nil
	}
	read, err := j.Store.Read(ctx, s.path, s.data)
	if err != nil {
		return err
	}
	if result.GetDigest() != s.digest || len(result.GetBlocks()) != len(read.Stub.Spec.Blocks) {
		return fmt.Errorf("%w: it is for another stub", ErrAnswer)
	}
	locks := map[int][]api.Lock{}
	for i, block := range read.Stub.Spec.Blocks {
		var err error
		if locks[i], err = accept(active, block.Locks, result.GetBlocks()[i].GetLocks()); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
	}
	text, err := stub.SetLocks(s.path, read.Text, read.Stub, locks)
	if err != nil {
		return err
	}
	if j.Inline {
		return atomicfile.Replace(j.Repo.Abs(s.path), read.Data, text)
	}
	err = j.Store.Replace(ctx, read, j.Repo.Abs(s.path), text)
	var denied *client.DeniedError
	if errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonRole {
		return fault.New("its stub goes into the store in the name of a developer: ask for that role too, or run `bulla "+
			"reseal --inline` and have a developer run `bulla reference "+printable.Word(s.path)+"` before it is committed",
			"%w", err)
	}
	return err
}

// accept takes new locks that are for the targets of the old ones, in their
// order, and under the Active key alone.
func accept(active api.SealingKey, old []api.Lock, given []*keyservicev1.Lock) ([]api.Lock, error) {
	var targets []string
	for _, lock := range old {
		if !slices.Contains(targets, lock.Target) {
			targets = append(targets, lock.Target)
		}
	}
	if len(given) != len(targets) {
		return nil, fmt.Errorf("%w: %d locks for %d targets", ErrAnswer, len(given), len(targets))
	}
	var locks []api.Lock
	for i, lock := range given {
		next := api.Lock{Target: lock.GetTarget(), Key: lock.GetKey(), Ciphertext: lock.GetCiphertext()}
		if next.Target != targets[i] || next.Key != active.ID {
			return nil, fmt.Errorf("%w: a lock for %q under %q, not for %q under %q", ErrAnswer, next.Target, next.Key,
				targets[i], active.ID)
		}
		if err := sealing.CheckLock(active.Suite, next); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		locks = append(locks, next)
	}
	return locks, nil
}
