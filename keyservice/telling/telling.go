// Package telling tells forges how sets of clusters fare with a commit, and people what
// the key service refused.
//
// It reads what clusters say of themselves, and what the audit log records. Nothing is
// decided by it, and nothing waits for it: a receiver that is down costs a notice.
package telling

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/notify"
)

const (
	// standardEvery is between two looks while clusters of a set are on their way.
	standardEvery = 10 * time.Second
	// share is what part of the time looking may take, and mostPause the longest pause.
	share     = 20
	mostPause = 5 * time.Minute
)

// Sender brings notices to one receiver; *notify.Sender is the one there is.
type Sender interface {
	Offer(n notify.Notice)
	Run(ctx context.Context)
	// Sets are those that it hears of; isForge is false for who hears of none.
	Sets() (sets []string, isForge bool)
}

// Store is what clusters say of themselves.
type Store interface {
	Members(ctx context.Context, fleet string) (map[string]store.Member, error)
	EachState(ctx context.Context, fleet, cluster string, each func(name string, state []byte)) error
}

// Telling tells of one fleet.
type Telling struct {
	*clerk.Clerk

	Heads   *heads.Heads
	Store   Store
	Senders []Sender
	// Every is between two looks; 10 s by default.
	Every time.Duration

	refused refusals
	last    told
}

// Refused takes note of a refusal. It never waits.
func (t *Telling) Refused(e audit.Entry) {
	if len(t.Senders) > 0 {
		t.refused.note(e)
	}
}

// Run tells until ctx ends.
func (t *Telling) Run(ctx context.Context) {
	if len(t.Senders) == 0 {
		return
	}
	if t.Every == 0 {
		t.Every = standardEvery
	}
	for _, s := range t.Senders {
		go s.Run(ctx)
	}
	go t.followRefusals(ctx)
	sets := t.sets()
	for wait := t.Every; len(sets) > 0; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		began := time.Now()
		settled, err := t.look(ctx, sets)
		if err != nil && ctx.Err() == nil {
			t.Log.Warn("how sets of clusters fare is not told", "error", err.Error())
		}
		wait = max(t.Every, min(share*time.Since(began), mostPause))
		if settled { // it is looked for who falls back, not for who comes along
			wait = max(wait, min(6*t.Every, mostPause))
		}
	}
}

// sets are those that somebody hears of; "" is the whole fleet.
func (t *Telling) sets() map[string]bool {
	all := map[string]bool{}
	for _, s := range t.Senders {
		for _, name := range setsOf(s) {
			all[name] = true
		}
	}
	return all
}

func setsOf(s Sender) []string {
	sets, isForge := s.Sets()
	if isForge && len(sets) == 0 {
		return []string{""}
	}
	return sets
}

func (t *Telling) offerSet(n notify.Notice) {
	for _, s := range t.Senders {
		for _, name := range setsOf(s) {
			if name == n.Name {
				s.Offer(n)
			}
		}
	}
}
