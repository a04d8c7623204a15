package delivery

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// contested says that somebody else does not leave objects alone: while one
// differs and its revert is put off, and for a while after one was reverted more
// often than chance explains. What stands then may not stand a moment later, and
// Ready would be a lie.
func (p *deliveryPass) contested() error {
	var texts []string
	seen := map[ObjectID]bool{}
	for _, contest := range p.putOff {
		seen[contest.ID] = true
		texts = append(texts, fmt.Sprintf("%s differs from Git: it was %s again after %d reverts; the next is at %s",
			inventory.Describe(contest.ID), contest.Deed, contest.Count, contest.Next.UTC().Format(time.RFC3339)))
	}
	for _, contest := range p.mem.fights.Going(p.now()) {
		if _, wanted := p.desired[contest.ID]; !wanted || seen[contest.ID] {
			continue
		}
		texts = append(texts, fmt.Sprintf("%s is undone again and again: %s and reverted %d times; it stands for now",
			inventory.Describe(contest.ID), contest.Deed, contest.Count))
		p.later(contest.Quiet.Sub(p.now()) + time.Second)
	}
	if len(texts) == 0 {
		return nil
	}
	if more := len(texts) - maxNamed; more > 0 {
		texts = append(texts[:maxNamed], fmt.Sprintf("and %d objects more", more))
	}
	return &deliveryError{reason: v1alpha1.ContestedReason, message: strings.Join(texts, "; ")}
}

// putsOff puts an object's revert off while it is fought over.
func (p *deliveryPass) putsOff(id ObjectID, deed drift.Deed) bool {
	wait := p.mem.fights.Wait(id, p.now())
	if wait <= 0 {
		return false
	}
	contest := p.mem.fights.Of(id)
	contest.Deed = deed
	p.putOff = append(p.putOff, contest)
	p.later(wait)
	p.mark(id)
	return true
}
