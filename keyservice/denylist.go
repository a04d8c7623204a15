package keyservice

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// What an operator denies is not unsealed until a time, whatever Git says: it
// needs no commit, no review and no look at the remote, so that it acts while
// those are attacked or slow. It grants nothing, and takes nothing back from who
// opened it before.
const (
	// maxDenied is for how long at most: what is to stay belongs in Git.
	maxDenied = 366 * 24 * time.Hour
	// maxDenyReason bounds the reason, in bytes.
	maxDenyReason = 256
	// denyPatience is how long a denial waits for what the digest stands for.
	denyPatience = 500 * time.Millisecond
)

// denyList is what is denied, as one decision reads it.
type denyList struct {
	denials []store.Denial
	// number is the store's: a grant that was decided on an older list is not
	// recorded, and so not released.
	number int64
}

// readDenyList asks the store, for each request: every replica has a denial as
// soon as it is written.
func (s *clerk) readDenyList(ctx context.Context) (*denyList, error) {
	denials, number, err := s.store.Denials(ctx, s.fleet, s.now())
	if err != nil {
		return nil, err
	}
	return &denyList{denials: denials, number: number}, nil
}

// denied says whether an operator denies what a digest stands for on a cluster.
// A file key opens every object that the digest stands for there, so that one
// denied placement is enough, though another that is not denied has the same file:
// who may open the one has what the other holds. A placement that does not build
// has nothing, and denies nothing of another's.
func (l *denyList) denied(cluster, digest string, stands []*heads.Candidate, blocks []boundBlock) bool {
	return slices.ContainsFunc(l.denials, func(d store.Denial) bool {
		return deniesCluster(d, cluster) && deniesPlacement(d, stands) && deniesValue(d, digest, blocks)
	})
}

func deniesCluster(d store.Denial, cluster string) bool {
	return d.Cluster == "" || d.Cluster == cluster
}

func deniesPlacement(d store.Denial, stands []*heads.Candidate) bool {
	return d.Placement == "" || slices.ContainsFunc(stands, func(c *heads.Candidate) bool { return c.Placement == d.Placement })
}

// deniesValue compares payloads beside the digest: one byte more in the file makes
// another digest, and anyone may push that. The payload is what nobody can make
// anew without the value.
func deniesValue(d store.Denial, digest string, blocks []boundBlock) bool {
	if d.Digest == "" || d.Digest == digest {
		return true
	}
	return slices.ContainsFunc(blocks, func(b boundBlock) bool { return slices.Contains(d.Payloads, payloadHash(b.payload)) })
}

func payloadHash(p *sealing.Payload) string {
	hash := p.Hash()
	return hex.EncodeToString(hash[:])
}

// notDenied asks the deny list last of what needs no token. It stands behind the
// questions of where the digest is placed, so that a cluster learns nothing of
// what is denied elsewhere; and a denial names a placement, which only the built
// object has.
func notDenied(_ context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	if g.denied.denied(g.who.Name, d.digest, d.stands, d.bound) {
		return d, denied
	}
	if g.mayBeDenied(d) {
		return d, unavailable
	}
	return d, granted
}

// mayBeDenied: a denied placement is still being built, and may turn out to have
// the digest, too. Whether it opens must not hang on how fast builds are. Only a
// stub of scope Fleet can stand in a placement that has none of its namespaces; of
// the others the objects are undecided as long.
func (g *grounds) mayBeDenied(d decided) bool {
	return len(d.bound) > 0 && d.bound[0].context.Scope == api.ScopeFleet &&
		slices.ContainsFunc(g.denied.denials, func(x store.Denial) bool {
			return slices.Contains(g.index.Pending, x.Placement) && deniesCluster(x, g.who.Name) &&
				deniesValue(x, d.digest, d.bound)
		})
}

// denying answers what operators deny.
type denying struct {
	*clerk

	heads *heads.Heads
}

// Deny takes an operator's word. It counts for what is decided from now on, here
// and on every replica, even while the token cannot sign the entry.
func (s *denying) Deny(ctx context.Context, in *keyservicev1.DenyRequest) (*keyservicev1.DenyResponse, error) {
	who, err := personOf(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonCertificate, err)
	}
	now := s.now()
	if problem := checkDeny(in, now); problem != "" {
		return nil, s.refuse(keyservicev1.ReasonRequest, errors.New(problem), "person", who.Name)
	}
	d := store.Denial{Fleet: s.fleet, Cluster: in.GetCluster(), Placement: in.GetPlacement(), Digest: in.GetDigest(),
		Reason: in.GetReason(), Person: who.Name, Since: now, Until: time.UnixMicro(in.GetUntil())}
	var known bool
	d.Payloads, known = s.standsFor(ctx, d)
	_, err = s.journal.Leave(ctx, []audit.Entry{denyEntry(who, d, "denied until "+d.Until.UTC().Format(time.RFC3339)+": "+d.Reason)},
		s.store.AddDenial(d, &d.ID))
	if errors.Is(err, store.ErrDenialsFull) {
		return nil, s.refuse(keyservicev1.ReasonTooMuch, err, "person", who.Name)
	}
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	s.log.Warn("an operator denied", "person", who.Name, "id", d.ID, "cluster", d.Cluster, "placement", d.Placement, "digest", d.Digest)
	return &keyservicev1.DenyResponse{Denial: spellDenial(d), Unknown: !known, ByValue: len(d.Payloads) > 0}, nil
}

// standsFor finds, in a little time, the payloads of the denied stub, and whether
// the head has all that the denial names.
func (s *denying) standsFor(ctx context.Context, d store.Denial) (payloads []string, known bool) {
	at := s.heads.Current()
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
	for _, block := range placed[d.Digest][0].Manifest.Spec.Blocks {
		if payload, err := sealing.ParsePayload(block.Payload); err == nil {
			payloads = append(payloads, payloadHash(payload))
		}
	}
	return payloads, known
}

// LiftDenial ends a denial.
func (s *denying) LiftDenial(ctx context.Context, in *keyservicev1.LiftDenialRequest) (*keyservicev1.LiftDenialResponse, error) {
	who, err := personOf(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonCertificate, err)
	}
	list, err := s.readDenyList(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	at := slices.IndexFunc(list.denials, func(d store.Denial) bool { return uint64(d.ID) == in.GetId() })
	if at < 0 {
		return nil, s.refuse(keyservicev1.ReasonNoDenial, fmt.Errorf("no denial %d counts", in.GetId()), "person", who.Name)
	}
	d := list.denials[at]
	_, err = s.journal.Leave(ctx, []audit.Entry{denyEntry(who, d, fmt.Sprintf("denial %d lifted", d.ID))},
		s.store.LiftDenial(s.fleet, d.ID, s.now(), &d))
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.refuse(keyservicev1.ReasonNoDenial, err, "person", who.Name)
	}
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return &keyservicev1.LiftDenialResponse{Denial: spellDenial(d)}, nil
}

// ListDenials says what is denied.
func (s *denying) ListDenials(ctx context.Context, _ *keyservicev1.ListDenialsRequest) (*keyservicev1.ListDenialsResponse, error) {
	who, err := personOf(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonCertificate, err)
	}
	list, err := s.readDenyList(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return &keyservicev1.ListDenialsResponse{Denials: list.spell(), Time: s.now().UnixMicro()}, nil
}

func (l *denyList) spell() []*keyservicev1.Denial {
	var denials []*keyservicev1.Denial
	for _, d := range l.denials {
		denials = append(denials, spellDenial(d))
	}
	return denials
}

func spellDenial(d store.Denial) *keyservicev1.Denial {
	return &keyservicev1.Denial{Id: uint64(d.ID), Cluster: d.Cluster, Placement: d.Placement, Digest: d.Digest,
		Reason: d.Reason, Person: d.Person, Since: d.Since.UnixMicro(), Until: d.Until.UnixMicro()}
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
	case in.GetCluster() != "" && !placementForm.MatchString(in.GetCluster()):
		return "cluster is no name"
	case in.GetPlacement() != "" && !placementForm.MatchString(in.GetPlacement()):
		return "placement is no name"
	case in.GetDigest() != "" && !hexid.IsDigest(in.GetDigest()):
		return "digest is not sha256: and 64 hexadecimal digits"
	case !until.After(now) || until.After(now.Add(maxDenied)):
		return fmt.Sprintf("until is not within %d days from now", int(maxDenied.Hours()/24))
	}
	return textProblem("reason", in.GetReason(), 1, maxDenyReason)
}

// textProblem holds what people will read to one printable line: what a stranger
// wrote must not move the cursor, or turn the direction of what follows.
func textProblem(field, text string, least, most int) (problem string) {
	switch {
	case len(text) < least || len(text) > most:
		return fmt.Sprintf("%s is not %d to %d bytes", field, least, most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return field + " has characters that do not print"
	}
	return ""
}
