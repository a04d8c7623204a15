package keyservice

import (
	"github.com/bulla-dev/bulla/keyservice/audit"
)

// A request is decided again when another head was accepted while the token
// worked on it, and what the token did for the attempt that is thrown away is not
// nothing: a cluster whose requests race pushes would have the token work for no
// entry of the log and on nobody's quota. So it is carried into the entries of
// the attempt that is recorded. When none is, it is owed: the next count of the
// caller's refusals has it.

// spending is what one request asked of the token, over all attempts at it. Each
// list has an element for each digest of the request.
type spending struct {
	asked []int
	// unrecorded is the part of asked that stands in no entry of the log.
	unrecorded []int
}

func newSpending(digests int) *spending {
	return &spending{asked: make([]int, digests), unrecorded: make([]int, digests)}
}

// decisions begins an attempt.
func (s *spending) decisions(digests []string) []decision {
	decisions := make([]decision, len(digests))
	for i, digest := range digests {
		decisions[i].digest, decisions[i].before = digest, s.unrecorded[i]
	}
	return decisions
}

// started is what the entry of a decision answers for.
func (d *decision) started() int { return d.before + d.operations }

// add takes note of what an attempt asked of the token, and returns what the
// caller is to be charged for it: a digest is let in with one operation, whatever
// becomes of it.
func (s *spending) add(decisions []decision) (charge int) {
	beyond := func(asked int) int { return max(0, asked-1) }
	for i := range decisions {
		before := s.asked[i]
		s.asked[i] += decisions[i].operations
		charge += beyond(s.asked[i]) - beyond(before)
	}
	return charge
}

// settle says whether the entries of an attempt are on disk. Those that were
// counted with earlier refusals (leaf -1) stand in that count either way.
func (s *spending) settle(decisions []decision, recorded bool) {
	for i := range decisions {
		s.unrecorded[i] = decisions[i].started()
		if recorded || decisions[i].leaf < 0 {
			s.unrecorded[i] = 0
		}
	}
}

func (s *spending) unrecordedTotal() (n int) {
	for _, operations := range s.unrecorded {
		n += operations
	}
	return n
}

// owe accounts for what a request asked of the token when nothing of it could be
// recorded, and nothing was released: at once by a metric and the service's own
// log, and in the audit log by the caller's next count.
func (s *Server) owe(e audit.Entry, operations int) {
	if operations == 0 {
		return
	}
	s.metrics.operations.WithLabelValues("lost").Add(float64(operations))
	s.log.Error("token operations of a request that could not be recorded", "cluster", e.Cluster, "person", e.Person, "operations", operations)
	e.Operations = operations
	s.denials.count(e)
}
