package keyservice

import (
	"context"
	"os"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// recorder is the audit log as the decisions see it; [*journal.Journal] is the one
// there is, and says what its methods promise.
type recorder interface {
	Append(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
	// Leave may return a nil receipt.
	Leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
	Latest(ctx context.Context, size uint64) (*journal.Receipt, error)
	Newest(ctx context.Context) (*journal.Receipt, error)
}

// entries is what is recorded of one decision: one entry, and more of them only
// where the digest stands for more objects than one takes.
func (s *Server) entries(q *request, d *decision, outcome string) []audit.Entry {
	return nameBuilt(s.entry(q, d, outcome), d.stands)
}

// entry is what is recorded of one decision, but for what the digest stands for.
func (s *Server) entry(q *request, d *decision, outcome string) audit.Entry {
	e := q.caller.Entry(audit.Unseal, outcome)
	e.Request, e.Head, e.Revision, e.Digest, e.Operations = q.id, q.head.hash, q.revision, d.digest, d.started()
	for _, b := range d.blocks {
		if b.lock.Key != "" {
			e.Targets, e.Keys = append(e.Targets, b.lock.Target), append(e.Keys, b.lock.Key)
		}
	}
	return e
}

// stranger is what is recorded of a caller without a certificate: all of them are
// counted together.
func stranger(route Route) audit.Entry {
	e := audit.Entry{Kind: audit.Unseal, Outcome: keyservicev1.ReasonCertificate, Detail: route.Path}
	switch route.Path {
	case keyservicev1connect.KeyServiceRenewProcedure:
		e.Kind = audit.Renew
	case keyservicev1connect.KeyServiceReportProcedure:
		e.Kind = audit.Report
	}
	if route.Auth == AuthPerson {
		e.Kind = audit.Person
	}
	return e
}

// refuseRecorded records a refusal and answers it. What cannot be recorded is
// refused all the same, as unavailable.
func (s *Server) refuseRecorded(ctx context.Context, e audit.Entry, why error) error {
	attrs := []any{}
	if e.Cluster != "" {
		attrs = append(attrs, "cluster", e.Cluster)
	}
	if err := s.recordDenials(ctx, e); err != nil {
		return s.refuse(keyservicev1.ReasonUnavailable, err, attrs...)
	}
	return s.refuse(e.Outcome, why, attrs...)
}

// record makes the decisions of one request durable. Until it returns nil nothing
// may leave. Each decision gets its place in the receipt, or -1 when it was
// counted together with earlier ones.
func (s *Server) record(ctx context.Context, q *request, decisions []decision) (*journal.Receipt, error) {
	entries, refused := make([]audit.Entry, 0, len(decisions)), []audit.Entry{}
	var whose []*decision
	for i := range decisions {
		d := &decisions[i]
		d.leaf = -1
		if d.refusal == granted {
			d.leaf = len(entries)
			entries = append(entries, s.entries(q, d, d.refusal.Name())...)
			continue
		}
		// Counted refusals have one entry, and so has the first of them.
		e := s.entries(q, d, d.refusal.Name())[0]
		refused, whose = append(refused, e), append(whose, d)
	}
	picked, at := s.denials.admit(refused)
	for n, e := range picked {
		if at[n] >= 0 {
			whose[at[n]].leaf = len(entries)
		}
		entries = append(entries, e)
	}
	receipt, err := s.recordAll(ctx, q, entries, len(picked) < len(entries))
	if err != nil {
		return nil, err
	}
	s.denials.recorded(picked)
	if receipt == nil { // nothing new in the signed log
		for i := range decisions {
			decisions[i].leaf = -1
		}
		return s.journal.Latest(ctx, q.logSize)
	}
	return receipt, nil
}

// recordAll demands a signed record of what releases a secret. What only refuses
// may wait for its signature: a token that is gone does not keep the service from
// saying no.
func (s *Server) recordAll(ctx context.Context, q *request, entries []audit.Entry, releases bool) (*journal.Receipt, error) {
	switch {
	case len(entries) == 0:
		return nil, s.heads.stillAt(ctx, q.head)
	case releases:
		return s.appendDecided(ctx, q, entries)
	}
	return s.appendAt(ctx, q.head, s.journal.Leave, entries)
}

// began is what the log says when the service starts; at its very beginning also
// with which keys.
func (s *Server) began(j *journal.Journal) []audit.Entry {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	entries := []audit.Entry{{Kind: audit.Start, Outcome: audit.Done, Detail: "on " + host}}
	if j.Size() == 0 {
		entries = append(entries,
			audit.Entry{Kind: audit.Key, Outcome: audit.Done, Detail: "root key " + s.config.RootKey},
			audit.Entry{Kind: audit.Key, Outcome: audit.Done, Detail: "log key " + j.Key()},
			audit.Entry{Kind: audit.Key, Outcome: audit.Done, Identity: protocol.SPKIHash(s.Authority()), Detail: "certificate authority"})
	}
	return append(entries, s.people.Entries()...)
}

// headEntries are what is recorded of an accepted head: itself, and each sealing
// key that is new in it or stands otherwise than before.
func headEntries(next *head, before *head, parent string) []audit.Entry {
	e := audit.Entry{Kind: audit.Head, Outcome: audit.Done, Head: next.hash, Detail: "first"}
	if parent != "" {
		e.Detail = "after " + parent
	}
	entries := []audit.Entry{e}
	var known []api.SealingKey
	if before != nil {
		known = before.model.Fleet.Spec.SealingKeys
	}
	for _, key := range next.model.Fleet.Spec.SealingKeys {
		if !slices.Contains(known, key) {
			entries = append(entries, audit.Entry{Kind: audit.Key, Outcome: audit.Done, Head: next.hash, Keys: []string{key.ID}, Detail: "sealing key is " + string(key.Status)})
		}
	}
	return entries
}
