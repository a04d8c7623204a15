package recoverable

import (
	"context"
	"crypto/sha256"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Digest tells payloads apart.
type Digest [sha256.Size]byte

// DigestOf is a block's.
func DigestOf(block api.Block) Digest { return sha256.Sum256([]byte(block.Payload)) }

// History is a clone, and the commit in it from which one looks back.
type History struct {
	Clone *git.Clone
	Head  string
}

// Older are the payloads of the last commit at which the fleet had other recovery
// recipients than these: nobody could seal those in. known is false where that commit is
// not here, as in a shallow clone.
func (h History) Older(ctx context.Context, recipients []string) (older map[Digest]bool, known bool) {
	before, known := h.before(ctx, recipients)
	if !known || before == "" {
		return nil, known
	}
	files, err := h.Clone.Tree(before)
	if err != nil {
		return nil, false
	}
	older = map[Digest]bool{}
	stubs, _ := model.Stubs(files)
	for _, s := range stubs {
		for _, block := range s.Manifest.Spec.Blocks {
			older[DigestOf(block)] = true
		}
	}
	return older, true
}

// lookBack is how many commits are looked at for when recovery keys came.
const lookBack = 10_000

// before is the last commit with other recipients; "" where the fleet had these from its
// first commit on.
func (h History) before(ctx context.Context, recipients []string) (commit string, known bool) {
	if !h.has(h.Head, recipients) {
		return h.Head, true // these are not committed yet
	}
	changes, whole, err := h.Clone.Changed(ctx, h.Head, []string{tree.FleetFile}, lookBack, lookBack)
	if err != nil {
		return "", false
	}
	arrived := ""
	for _, change := range changes {
		if !h.has(change.Commit, recipients) {
			// What was sealed between the two knew no more than this one.
			before, err := h.Clone.Resolve(arrived + "^1")
			return before, err == nil
		}
		arrived = change.Commit
	}
	return "", whole
}

// has: the fleet of a commit declares these recipients and no others.
func (h History) has(commit string, recipients []string) bool {
	files, err := h.Clone.Tree(commit)
	if err != nil {
		return false
	}
	data, err := files.ReadFile(tree.FleetFile)
	if err != nil {
		return false
	}
	fleet, err := api.ParseFleet(tree.FleetFile, data)
	return err == nil && slices.Equal(slices.Sorted(slices.Values(fleet.Spec.RecoveryRecipients)),
		slices.Sorted(slices.Values(recipients)))
}
