package unseal

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/metrics"
	"github.com/bulla-dev/bulla/sealing"
)

// opened is a decision, and what the token made of it.
type opened struct {
	decided

	// stanzas are one a block; nil when the digest is refused, here or before.
	stanzas []sealing.Stanza
	// operations is what was asked of the token, whatever it answered.
	operations int
}

// work decides on each digest and asks the token, one operation a block, as
// many blocks at a time as keep every session busy. The token opens the first
// blocks while the next digests are decided on. Blocks of all requests share
// the turns, one caller's after the other's.
func (s *Unsealing) work(ctx context.Context, q *question, g *grounds) []opened {
	results := make([]opened, len(q.digests))
	var group sync.WaitGroup
	defer group.Wait()
	for i, digest := range q.digests {
		results[i].decided = g.decide(ctx, digest)
		if results[i].refusal == granted {
			s.open(ctx, g, &results[i], &group)
		}
	}
	return results
}

// open starts the blocks of one digest and returns; group ends when they did.
func (s *Unsealing) open(ctx context.Context, g *grounds, o *opened, group *sync.WaitGroup) {
	stanzas := make([]sealing.Stanza, len(o.ready))
	refusals := make([]keyservicev1.Refusal, len(o.ready))
	var blocks sync.WaitGroup
	for n := range o.ready {
		if s.Turns.Acquire(ctx, g.who.Identity) != nil {
			refusals[n] = unavailable
			break
		}
		o.operations++
		blocks.Go(func() {
			defer s.Turns.Release()
			stanzas[n], refusals[n] = s.unlock(ctx, g, &o.decided, n)
		})
	}
	group.Go(func() {
		blocks.Wait()
		// Half a secret is no use: one block that is refused refuses the digest.
		if at := slices.IndexFunc(refusals, func(r keyservicev1.Refusal) bool { return r != granted }); at >= 0 {
			o.refusal = refusals[at]
			return
		}
		o.stanzas = stanzas
	})
}

func (s *Unsealing) unlock(ctx context.Context, g *grounds, d *decided, n int) (sealing.Stanza, keyservicev1.Refusal) {
	stanza, err := d.ready[n].Unlock(ctx, s.Token, g.index.Cluster.Spec.Recipient)
	refusal := judge(s.Metrics, err, "opened")
	switch refusal {
	case invalid:
		g.log.Info("block does not open", "digest", d.digest, "block", n)
	case unavailable:
		g.log.Error("token failed", "digest", d.digest, "block", n, "key", d.locks[n].Key, "error", err.Error())
	}
	return stanza, refusal
}

// judge says whom an error of the token blames, and counts the operation; done is
// what one that went well is counted as.
func judge(m *metrics.Metrics, err error, done string) keyservicev1.Refusal {
	var refused *sealing.Error
	result, refusal := "failed", unavailable
	switch {
	case err == nil:
		result, refusal = done, granted
	case errors.As(err, &refused), errors.Is(err, sealing.ErrOpen):
		result, refusal = "refused", invalid
	}
	m.Asked(result, 1)
	return refusal
}
