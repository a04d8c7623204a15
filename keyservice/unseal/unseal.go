package unseal

import (
	"context"
	"errors"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/denials"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
	"github.com/bulla-dev/bulla/sealing"
)

// decideAgain says which errors mean that what a decision was made on is not in
// force any more: it is to be made again.
func decideAgain(err error) bool {
	return errors.Is(err, store.ErrHeadMoved) || errors.Is(err, store.ErrDenied)
}

// Unsealing answers Unseal.
type Unsealing struct {
	*clerk.Clerk

	Heads *heads.Heads
	Store Store
	// Token opens; what of all requests it is asked first is the turns'.
	Token sealing.Opener
	Turns *turnstile.Turns
}

// Store is what a decision asks of the store.
type Store interface {
	denials.Reader
	// Stub returns store.ErrNotFound when there is none.
	Stub(ctx context.Context, fleet, digest string) ([]byte, error)
	// WasPlaced reports whether any head placed a digest on a cluster.
	WasPlaced(ctx context.Context, fleet, cluster, digest string) (bool, error)
	// Decided says store.ErrHeadMoved unless hash is the last head, and store.ErrDenied
	// when something was denied since the list of that number.
	Decided(fleet, ref, hash string, number int64) store.Change
}

// Unseal decides on each digest, in the order of DESIGN §4: who asks, at which
// head, the steps, the token, the audit, the answer.
//
// What the token did stands in the entries of the attempt that is recorded. An
// attempt that is not, since another head was accepted meanwhile, leaves the
// number of its operations to the first entry of the next one. When none is
// recorded, the caller's next count of refusals has it.
func (s *Unsealing) Unseal(ctx context.Context, in *keyservicev1.UnsealRequest) (*keyservicev1.UnsealResponse, error) {
	who, err := authority.CallingCluster(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	if problem := checkUnseal(in); problem != "" {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Unseal, keyservicev1.ReasonRequest), errors.New(problem))
	}
	if err := s.limitDigests(ctx, who, len(in.GetDigests())); err != nil {
		return nil, err
	}
	// A log that lost entries which a cluster saw decides nothing more.
	if _, err := s.Journal.Latest(ctx, in.GetLogSize()); err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	s.Heads.Know(ctx, in.GetRevision())
	q := &question{id: protocol.RequestID(in.GetNonce()), who: who, revision: in.GetRevision(), nonce: in.GetNonce(),
		digests: in.GetDigests(), logSize: in.GetLogSize()}
	owed := 0
	defer func() { s.Owe(who.Entry(audit.Unseal, keyservicev1.ReasonUnavailable), owed) }()
	let := make(allowance, len(q.digests))
	for range heads.DecideAttempts {
		var out *keyservicev1.UnsealResponse
		if out, owed, err = s.attempt(ctx, q, let, owed); !decideAgain(err) {
			return out, err
		}
	}
	return nil, s.Refuse(keyservicev1.ReasonUnavailable,
		errors.New("heads are accepted, or denied, faster than a request is decided"), "cluster", who.Name)
}

// limitDigests asks for the stubs of one request, before the head is asked.
func (s *Unsealing) limitDigests(ctx context.Context, who authority.Cluster, n int) error {
	q := turnstile.QuotaOf(ctx)
	if q == nil {
		return s.Refuse(keyservicev1.ReasonUnavailable, errors.New("the route has no quota"))
	}
	if wait, ok := q.AllowDigests(n); !ok {
		e := who.Entry(audit.Unseal, keyservicev1.ReasonLimited)
		return s.RefuseLimited(ctx, e, wait, errors.New("too many stubs"))
	}
	return nil
}

// attempt decides at the head and the deny list that are in force. owes is how
// many token operations of attempts before stand in no entry, and unrecorded how
// many do so now. After an error that says [decideAgain] nothing was released.
func (s *Unsealing) attempt(ctx context.Context, q *question, let allowance, owes int) (
	out *keyservicev1.UnsealResponse, unrecorded int, err error,
) {
	fail := func(reason string, unrecorded int, err error) (*keyservicev1.UnsealResponse, int, error) {
		return nil, unrecorded, s.Refuse(reason, err, "cluster", q.who.Name)
	}
	g := &grounds{who: q.who, rows: s.Store, room: protocol.MaxStubBytes}
	if g.head, err = s.Heads.Openable(ctx); err != nil {
		return fail(heads.Reason(err), owes, err)
	}
	g.log = s.Log.With("request", q.id, "cluster", q.who.Name, "head", g.head.Hash)
	if _, reason := heads.Admit(g.head.Model, q.who.Name, q.who.Identity); reason != "" {
		return s.refuseAll(ctx, q, g, reason, owes)
	}
	if g.index, err = g.head.Index(ctx, q.who.Name); err != nil {
		return fail(keyservicev1.ReasonUnavailable, owes, err)
	}
	if g.denied, err = denials.Read(ctx, s.Store, s.Fleet, s.Now()); err != nil {
		return fail(keyservicev1.ReasonUnavailable, owes, err)
	}
	results := s.work(ctx, q, g)
	turnstile.QuotaOf(ctx).Charge(let.beyond(results))
	written, unrecorded, err := s.record(ctx, q, g, results, owes)
	if decideAgain(err) {
		return nil, unrecorded, err
	}
	if err != nil {
		return fail(keyservicev1.ReasonUnavailable, unrecorded, err)
	}
	if out, err = answer(ctx, q, g, results, written); err != nil {
		return fail(keyservicev1.ReasonUnavailable, unrecorded, err)
	}
	for i := range results {
		s.Metrics.Decided(results[i].refusal.Name(), 1)
	}
	return out, unrecorded, nil
}

// refuseAll refuses a whole request for who asks it, with one record a digest:
// what a suspended cluster still asks for is worth knowing.
func (s *Unsealing) refuseAll(ctx context.Context, q *question, g *grounds, reason string, owes int) (
	*keyservicev1.UnsealResponse, int, error,
) {
	entries := make([]audit.Entry, len(q.digests))
	for i, digest := range q.digests {
		entries[i] = entryOf(q, g, &opened{decided: decided{digest: digest}}, reason)
	}
	entries[0].Operations += owes
	if err := s.RecordDenials(ctx, entries...); err != nil {
		return nil, owes, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", q.who.Name)
	}
	s.Metrics.Decided(reason, len(q.digests))
	why := errors.New("the accepted head does not let this cluster unseal")
	return nil, 0, s.Refuse(reason, why, "cluster", q.who.Name)
}

// answer is what leaves: the results, each with its place in the log.
func answer(ctx context.Context, q *question, g *grounds, results []opened, w written) (
	*keyservicev1.UnsealResponse, error,
) {
	out := &keyservicev1.UnsealResponse{Fleet: q.who.Fleet, Head: g.head.Hash, Nonce: q.nonce}
	var err error
	if out.Log, err = w.receipt.State(ctx, q.logSize); err != nil {
		return nil, err
	}
	for i := range results {
		result := &keyservicev1.UnsealResult{Digest: results[i].digest, Refusal: results[i].refusal}
		for _, stanza := range results[i].stanzas {
			result.Stanzas = append(result.Stanzas,
				&keyservicev1.Stanza{Type: stanza.Type, Args: stanza.Args, Body: stanza.Body})
		}
		if results[i].refusal == granted {
			result.Stub = results[i].stub
		}
		if leaf := w.leaves[i]; leaf >= 0 {
			if result.Inclusion, err = w.receipt.Inclusion(leaf); err != nil {
				return nil, err
			}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}
