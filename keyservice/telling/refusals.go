package telling

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/notify"
)

const (
	// gather is how long after the first refusal others are waited for, and between is
	// between two notices: a flood of refusals is one notice a minute.
	gather  = 5 * time.Second
	between = time.Minute
	// mostNames bounds the callers that are told apart, and shownNames those that a
	// notice names.
	mostNames  = 1024
	shownNames = 3
)

// refusals are those that nobody was told of yet.
type refusals struct {
	mu      sync.Mutex
	count   int
	reasons map[string]int
	callers map[string]bool
	// more says that there were more callers than are told apart.
	more bool
	woke chan struct{}
}

// note takes one in. It takes reasons and verified names alone: what a caller wrote
// itself, a detail or a digest, is in the audit log, for those who may read it.
func (r *refusals) note(e audit.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == 0 {
		r.reasons, r.callers, r.more = map[string]int{}, map[string]bool{}, false
	}
	r.count++
	r.reasons[e.Outcome]++
	if caller := cmp.Or(e.Cluster, e.Person); caller != "" {
		if len(r.callers) < mostNames || r.callers[caller] {
			r.callers[caller] = true
		} else {
			r.more = true
		}
	}
	select {
	case r.wake() <- struct{}{}:
	default:
	}
}

// wake is where who tells waits. The lock is held.
func (r *refusals) wake() chan struct{} {
	if r.woke == nil {
		r.woke = make(chan struct{}, 1)
	}
	return r.woke
}

func (r *refusals) waits() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wake()
}

// take is all that there are, as one notice.
func (r *refusals) take() (n notify.Notice, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == 0 {
		return n, false
	}
	reasons := slices.SortedFunc(maps.Keys(r.reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.reasons[b], r.reasons[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, reason := range reasons {
		parts = append(parts, fmt.Sprintf("%s %d", reason, r.reasons[reason]))
	}
	n = notify.Notice{Kind: notify.Refusals, Reason: reasons[0]}
	n.Message = fmt.Sprintf("refused %s: %s%s; hint: bulla audit log", plural.Of(r.count, "time"),
		strings.Join(parts, ", "), r.by())
	r.count = 0
	return n, true
}

// by names a few callers. The lock is held.
func (r *refusals) by() string {
	names := slices.Sorted(maps.Keys(r.callers))
	if len(names) == 0 {
		return ""
	}
	text := "; by " + strings.Join(names[:min(len(names), shownNames)], ", ")
	switch left := len(names) - shownNames; {
	case r.more:
		return text + " and many more"
	case left > 0:
		return text + fmt.Sprintf(" and %d more", left)
	}
	return text
}

// followRefusals tells of refusals until ctx ends.
func (t *Telling) followRefusals(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.refused.waits():
		}
		if !pause(ctx, min(gather, t.Every)) {
			return
		}
		if n, ok := t.refused.take(); ok {
			n.Name, n.At = t.Fleet, t.Now()
			for _, s := range t.Senders {
				s.Offer(n)
			}
			if !pause(ctx, min(between, 6*t.Every)) {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
