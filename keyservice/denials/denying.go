package denials

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	// maxDenied is for how long at most: what is to stay belongs in Git.
	maxDenied = 366 * 24 * time.Hour
	// maxDenyReason bounds the reason, in bytes.
	maxDenyReason = 256
	// denyPatience is how long a denial waits for what the digest stands for.
	denyPatience = 500 * time.Millisecond
)

// Denying answers what operators deny.
type Denying struct {
	*clerk.Clerk

	Heads *heads.Heads
	Store Store
}

// Store is what the deny list asks of the store.
type Store interface {
	Reader
	// Stub returns store.ErrNotFound when there is none.
	Stub(ctx context.Context, fleet, digest string) ([]byte, error)
	// AddDenial says store.ErrDenialsFull beyond the bound.
	AddDenial(d store.Denial, id *int64) store.Change
	// LiftDenial says store.ErrNotFound when there is none of that id.
	LiftDenial(fleet string, id int64, now time.Time, lifted *store.Denial) store.Change
}

// Deny takes an operator's word. It counts for what is decided from now on, here
// and on every replica, even while the token cannot sign the entry.
func (s *Denying) Deny(ctx context.Context, in *keyservicev1.DenyRequest) (*keyservicev1.DenyResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	now := s.Now()
	if problem := checkDeny(in, now); problem != "" {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New(problem), "person", who.Name)
	}
	d := store.Denial{Fleet: s.Fleet, Cluster: in.GetCluster(), Placement: in.GetPlacement(), Digest: in.GetDigest(),
		Reason: in.GetReason(), Person: who.Name, Since: now, Until: time.UnixMicro(in.GetUntil())}
	var known bool
	d.Payloads, known = s.standsFor(ctx, d)
	_, err = s.Journal.Leave(ctx, []audit.Entry{denyEntry(who, d, "denied until "+d.Until.UTC().Format(time.RFC3339)+": "+d.Reason)},
		s.Store.AddDenial(d, &d.ID))
	if errors.Is(err, store.ErrDenialsFull) {
		return nil, s.Refuse(keyservicev1.ReasonTooMuch, err, "person", who.Name)
	}
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	s.Log.Warn("an operator denied", "person", who.Name, "id", d.ID, "cluster", d.Cluster, "placement", d.Placement, "digest", d.Digest)
	return &keyservicev1.DenyResponse{Denial: spellDenial(d), Unknown: !known, ByValue: len(d.Payloads) > 0}, nil
}

// standsFor finds, in a little time, the payloads of the denied stub, and whether
// the head has all that the denial names.
func (s *Denying) standsFor(ctx context.Context, d store.Denial) (payloads []string, known bool) {
	at := s.Heads.Current()
	if at == nil {
		return nil, false
	}
	_, isCluster := at.Model.Clusters[d.Cluster]
	_, isPlacement := at.Model.Placements[d.Placement]
	known = (d.Cluster == "" || isCluster) && (d.Placement == "" || isPlacement)
	if d.Digest == "" {
		return nil, known
	}
	ctx, cancel := context.WithTimeout(ctx, denyPatience)
	defer cancel()
	placed, err := at.PlacedAnywhere(ctx, []string{d.Digest})
	if err != nil || len(placed[d.Digest]) == 0 {
		return nil, false
	}
	stub := placed[d.Digest]
	if r := grant.Referred(stub); r != nil {
		data, err := s.Store.Stub(ctx, s.Fleet, r.Spec.Stub.Digest)
		if err == nil {
			stub, err = grant.Take(s.Fleet, stub, data)
		}
		if err != nil {
			return nil, true // it is placed; its values are not known, and it does not open
		}
	}
	for _, block := range stub[0].Manifest.Spec.Blocks {
		if payload, err := sealing.ParsePayload(block.Payload); err == nil {
			payloads = append(payloads, payloadHash(payload))
		}
	}
	return payloads, known
}

// LiftDenial ends a denial.
func (s *Denying) LiftDenial(ctx context.Context, in *keyservicev1.LiftDenialRequest) (*keyservicev1.LiftDenialResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	list, err := Read(ctx, s.Store, s.Fleet, s.Now())
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	at := slices.IndexFunc(list.denials, func(d store.Denial) bool { return uint64(d.ID) == in.GetId() })
	if at < 0 {
		return nil, s.Refuse(keyservicev1.ReasonNoDenial, fmt.Errorf("no denial %d counts", in.GetId()), "person", who.Name)
	}
	d := list.denials[at]
	_, err = s.Journal.Leave(ctx, []audit.Entry{denyEntry(who, d, fmt.Sprintf("denial %d lifted", d.ID))},
		s.Store.LiftDenial(s.Fleet, d.ID, s.Now(), &d))
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.Refuse(keyservicev1.ReasonNoDenial, err, "person", who.Name)
	}
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return &keyservicev1.LiftDenialResponse{Denial: spellDenial(d)}, nil
}

// ListDenials says what is denied.
func (s *Denying) ListDenials(ctx context.Context, _ *keyservicev1.ListDenialsRequest) (*keyservicev1.ListDenialsResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	list, err := Read(ctx, s.Store, s.Fleet, s.Now())
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return &keyservicev1.ListDenialsResponse{Denials: list.Spell(), Time: s.Now().UnixMicro()}, nil
}

// denyEntry stands under the person's name, and is found by what is denied.
func denyEntry(who authority.Person, d store.Denial, detail string) audit.Entry {
	e := who.Entry(audit.Deny, audit.Done, detail)
	e.Cluster, e.Placement, e.Digest = d.Cluster, d.Placement, d.Digest
	return e
}

func checkDeny(in *keyservicev1.DenyRequest, now time.Time) (problem string) {
	until := time.UnixMicro(in.GetUntil())
	switch {
	case in.GetCluster() == "" && in.GetPlacement() == "" && in.GetDigest() == "":
		return "neither a cluster nor a placement nor a digest is named"
	case in.GetCluster() != "" && !protocol.IsName(in.GetCluster()):
		return "cluster is no name"
	case in.GetPlacement() != "" && !protocol.IsName(in.GetPlacement()):
		return "placement is no name"
	case in.GetDigest() != "" && !hexid.IsDigest(in.GetDigest()):
		return "digest is not sha256: and 64 hexadecimal digits"
	case !until.After(now) || until.After(now.Add(maxDenied)):
		return fmt.Sprintf("until is not within %d days from now", int(maxDenied.Hours()/24))
	}
	return protocol.TextProblem("reason", in.GetReason(), 1, maxDenyReason)
}
