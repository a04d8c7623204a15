// Package denials is what operators deny. It is not unsealed until a time, whatever Git
// says: a denial needs no commit, no review and no look at the remote, so that it acts
// while those are attacked or slow. It grants nothing, and takes nothing back from who
// opened it before.
package denials

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// List is what is denied, as one decision reads it.
type List struct {
	denials []store.Denial
	// Number is the store's: a grant that was decided on an older list is not
	// recorded, and so not released.
	Number int64
}

// Reader is what [Read] asks of the store.
type Reader interface {
	// Denials returns what is denied at a time, and the number of the list.
	Denials(ctx context.Context, fleet string, now time.Time) ([]store.Denial, int64, error)
}

// Read asks the store, for each request: every replica has a denial as soon as it is
// written.
func Read(ctx context.Context, rows Reader, fleet string, now time.Time) (*List, error) {
	denials, number, err := rows.Denials(ctx, fleet, now)
	if err != nil {
		return nil, err
	}
	return &List{denials: denials, Number: number}, nil
}

// Value is what a digest stands for on one cluster, as far as a denial can name it.
type Value struct {
	Cluster, Digest string
	Payloads        []*sealing.Payload
}

// Denies says whether an operator denies what a digest stands for on a cluster.
// A file key opens every object that the digest stands for there, so that one
// denied placement is enough, though another that is not denied has the same file:
// who may open the one has what the other holds. A placement that does not build
// has nothing, and denies nothing of another's.
func (l *List) Denies(v Value, stands []*grant.Candidate) bool {
	return slices.ContainsFunc(l.denials, func(d store.Denial) bool {
		return deniesCluster(d, v.Cluster) && deniesPlacement(d, stands) && deniesValue(d, v)
	})
}

// MayDeny says whether one of these placements, which are still being built, is denied,
// and would take the value with it if it has it too. Whether it opens must not hang on
// how fast builds are.
func (l *List) MayDeny(v Value, pending []string) bool {
	return slices.ContainsFunc(l.denials, func(d store.Denial) bool {
		return slices.Contains(pending, d.Placement) && deniesCluster(d, v.Cluster) && deniesValue(d, v)
	})
}

func deniesCluster(d store.Denial, cluster string) bool {
	return d.Cluster == "" || d.Cluster == cluster
}

func deniesPlacement(d store.Denial, stands []*grant.Candidate) bool {
	return d.Placement == "" || slices.ContainsFunc(stands, func(c *grant.Candidate) bool { return c.Placement == d.Placement })
}

// deniesValue compares payloads beside the digest: one byte more in the file makes
// another digest, and anyone may push that. The payload is what nobody can make
// anew without the value.
func deniesValue(d store.Denial, v Value) bool {
	if d.Digest == "" || d.Digest == v.Digest {
		return true
	}
	return slices.ContainsFunc(v.Payloads, func(p *sealing.Payload) bool { return slices.Contains(d.Payloads, payloadHash(p)) })
}

func payloadHash(p *sealing.Payload) string {
	hash := p.Hash()
	return hex.EncodeToString(hash[:])
}

// Spell is the list, for people.
func (l *List) Spell() []*keyservicev1.Denial {
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
