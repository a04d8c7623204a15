package check

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// unrecovered is a block that the fleet's recovery keys, and no other, do not open.
type unrecovered struct {
	file    string
	index   int
	payload [sha256.Size]byte
	err     error
}

// recovery notes a block of which the key service's end, or a lost token, would be the end.
func (f *fleet) recovery(file string, index int, block api.Block, payload *sealing.Payload) {
	if err := stub.Recoverable(payload, f.model.Fleet.Spec.RecoveryRecipients); err != nil {
		f.unrecovered = append(f.unrecovered, unrecovered{file, index, sha256.Sum256([]byte(block.Payload)), err})
	}
}

// looseRecovery is the same of a stub that nothing builds. What is damaged is told where it
// is built.
func (s *stubs) looseRecovery(file string, manifest *api.SealedManifest) {
	for i, block := range manifest.Spec.Blocks {
		if payload, err := sealing.ParsePayload(block.Payload); err == nil {
			s.recovery(file, i, block, payload)
		}
	}
}

// checkRecovery tells them. A value that is older than the fleet's recovery keys is a
// warning: a key that arrives makes no fleet wrong, and nobody here can seal it in. One that
// was sealed since is an error: who sealed it left them out, or another one in.
func (f *fleet) checkRecovery(ctx context.Context, head *Head) {
	if len(f.unrecovered) == 0 {
		return
	}
	older, known := head.beforeRecovery(ctx, f.model.Fleet.Spec.RecoveryRecipients)
	for _, u := range f.unrecovered {
		finding := Finding{File: u.file, Line: f.blockLine(u.file, u.index),
			Field: fmt.Sprintf("spec.blocks[%d].payload", u.index)}
		why := "it was sealed since fleet.yaml names them so"
		switch {
		case !known:
			finding.Warning, why = true, "the history that is here does not say which is older"
		case older[u.payload]:
			finding.Warning, why = true, "it is older than what fleet.yaml names"
		}
		finding.Problem = fmt.Sprintf("%v; %s; hint: %s", u.err, why, fault.Hint(u.err))
		f.add(finding)
	}
}

// beforeRecovery are the payloads, by their hashes, of the last commit at which the fleet
// had other recovery recipients than these; known is false where that commit is not here.
func (h *Head) beforeRecovery(ctx context.Context, recipients []string) (older map[[sha256.Size]byte]bool, known bool) {
	if h == nil {
		return nil, false
	}
	before := h.tree
	if sameRecipients(h.tree, recipients) {
		arrived, known := h.arrived(ctx, recipients)
		if !known || arrived == "" {
			return nil, known
		}
		parent, err := h.clone.Resolve(arrived + "^1")
		if err == nil {
			before, err = h.clone.Tree(parent)
		}
		if err != nil {
			return nil, false
		}
	}
	older = map[[sha256.Size]byte]bool{}
	stubs, _ := model.Stubs(before)
	for _, s := range stubs {
		for _, block := range s.Manifest.Spec.Blocks {
			older[sha256.Sum256([]byte(block.Payload))] = true
		}
	}
	return older, true
}

// recoveryHistory is how many commits are looked at for when recovery keys came.
const recoveryHistory = 10_000

// arrived is the commit with which the fleet got its recovery recipients; "" where it had
// them from its first one on.
func (h *Head) arrived(ctx context.Context, recipients []string) (commit string, known bool) {
	changes, whole, err := h.clone.Changed(ctx, h.commit, []string{tree.FleetFile}, recoveryHistory, recoveryHistory)
	if err != nil {
		return "", false
	}
	for _, change := range changes {
		files, err := h.clone.Tree(change.Commit)
		if err != nil {
			return "", false
		}
		if !files.Exists(tree.FleetFile) {
			return "", true // there was another fleet before, and it was taken out
		}
		if !sameRecipients(files, recipients) {
			return commit, true
		}
		commit = change.Commit
	}
	return "", whole
}

func sameRecipients(files *tree.Tree, recipients []string) bool {
	data, err := files.ReadFile(tree.FleetFile)
	if err != nil {
		return false
	}
	fleet, err := api.ParseFleet(tree.FleetFile, data)
	if err != nil {
		return false
	}
	return slices.Equal(slices.Sorted(slices.Values(fleet.Spec.RecoveryRecipients)),
		slices.Sorted(slices.Values(recipients)))
}
