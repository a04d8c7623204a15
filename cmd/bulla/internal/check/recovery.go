package check

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/recoverable"
	"github.com/bulla-dev/bulla/sealing"
)

// unrecovered is a block that the fleet's recovery keys, and no other, do not open.
type unrecovered struct {
	file    string
	index   int
	payload recoverable.Digest
	err     error
}

// recovery notes a block of which the key service's end, or a lost token, would be the end.
func (f *fleet) recovery(file string, index int, block api.Block, payload *sealing.Payload) {
	if err := recoverable.Check(payload, f.model.Fleet.Spec.RecoveryRecipients); err != nil {
		f.unrecovered = append(f.unrecovered, unrecovered{file, index, recoverable.DigestOf(block), err})
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
	var older map[recoverable.Digest]bool
	var own bool
	known := head != nil
	if known {
		history := recoverable.History{Clone: head.clone}
		history.Head, own = head.reviewed()
		older, known = history.Older(ctx, f.model.Fleet.Spec.RecoveryRecipients)
	}
	for _, u := range f.unrecovered {
		finding := Finding{File: u.file, Line: f.blockLine(u.file, u.index),
			Field: fmt.Sprintf("spec.blocks[%d].payload", u.index)}
		why := "it was sealed since fleet.yaml names them so"
		switch {
		case !known:
			finding.Warning, why = true, "the history that is here does not say which is older"
		case older[u.payload]:
			finding.Warning, why = true, "it is older than what fleet.yaml names"
			if own {
				why += ", by this branch's own word (--keys-of REVISION asks one that was looked at)"
			}
		}
		finding.Problem = fmt.Sprintf("%v; %s; hint: %s", u.err, why, fault.Hint(u.err))
		f.add(finding)
	}
}
