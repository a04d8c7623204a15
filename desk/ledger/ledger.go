// Package ledger turns what the key service's ledger says into what people ask:
// where a secret stands, whether that is what Git wants, and who went silent.
package ledger

import (
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Match compares what a cluster has with what the accepted head places there.
type Match string

const (
	// Current means that the cluster has what Git places.
	Current Match = "Current"
	// Outdated means that Git places another stub than the cluster has.
	Outdated Match = "Outdated"
	// Missing means that Git places a stub, and the cluster has none.
	Missing Match = "Missing"
	// NotPlaced means that the cluster has a stub that Git does not place there (any more).
	NotPlaced Match = "NotPlaced"
	// Unknown means that the cluster did not say what its object was made from.
	Unknown Match = "Unknown"
	// Broken means that the placement of what the cluster has does not build at the
	// accepted head, so that nobody can say what it places.
	Broken Match = "Broken"
	// None means that Git places nothing and the cluster has nothing.
	None Match = "None"
)

// Standing is what a cluster is to the fleet.
type Standing string

// What a cluster is to the fleet.
const (
	Member    Standing = "Member"
	Suspended Standing = "Suspended"
	Left      Standing = "Left"
)

// Status is the ledger at one time. What is in it of a cluster's secrets is that
// cluster's word.
type Status struct {
	// Head is the head that the key service accepted last.
	Head string `json:"head"`
	// Accepted is when that was, Looked when it was last seen to be the newest.
	Accepted   *time.Time  `json:"accepted,omitempty"`
	Looked     *time.Time  `json:"looked,omitempty"`
	Time       time.Time   `json:"time"`
	Clusters   []Cluster   `json:"clusters"`
	Placements []Placement `json:"placements,omitempty"`
	// Denied is what operators denied.
	Denied []Denial `json:"denied,omitempty"`
	// Refused is what the repository has instead of Head, if the service does not
	// accept it.
	Refused *RefusedTip `json:"refused,omitempty"`
}

// Cluster is one cluster's part.
type Cluster struct {
	Name     string   `json:"name"`
	Standing Standing `json:"standing"`
	// Head is the one that it reported last, at Reported; nil for never.
	Head     string     `json:"head,omitempty"`
	Reported *time.Time `json:"reported,omitempty"`
	// Version is the build of its controller; "" where it does not say.
	Version string `json:"version,omitempty"`
	// Silent: it is in the fleet, and did not report for too long.
	Silent bool       `json:"silent"`
	Left   *time.Time `json:"left,omitempty"`
	// Decommissioned: everything on it goes.
	Decommissioned bool `json:"decommissioned,omitempty"`
	// Suspended: somebody suspended its FleetSync, on the cluster.
	Suspended  *Suspension `json:"suspended,omitempty"`
	Deliveries []Delivery  `json:"deliveries,omitempty"`
	Secrets    []Secret    `json:"secrets"`
}

// Secret is one sealed object on one cluster.
type Secret struct {
	Placement string `json:"placement"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// State is Configured, Provisioned, InUse, Deprovisioned or Unknown.
	State string `json:"state"`
	// Since is when state and digest became these.
	Since     *time.Time `json:"since,omitempty"`
	Reported  *time.Time `json:"reported,omitempty"`
	Workloads []string   `json:"workloads"`
	Match     Match      `json:"match"`
	Digest    string     `json:"digest,omitempty"`
	// PlacedDigest is what Git places.
	PlacedDigest string `json:"placedDigest,omitempty"`
	// Denied: an operator denies what Git places.
	Denied bool `json:"denied,omitempty"`
	// NeverPlaced: the key service never saw the digest placed on this cluster.
	NeverPlaced bool `json:"neverPlaced,omitempty"`
}

// Object is NAMESPACE/NAME, or the name of what has no namespace.
func (s Secret) Object() string { return strings.TrimPrefix(s.Namespace+"/"+s.Name, "/") }

// Read reads an answer of the service. A cluster is silent when its last report
// is older than patience, by the service's clock.
func Read(in *keyservicev1.ListLedgerResponse, patience time.Duration) Status {
	status := Status{Head: in.GetHead(), Time: time.UnixMicro(in.GetTime()).UTC(), Clusters: []Cluster{},
		Accepted: moment(in.GetAccepted()), Looked: moment(in.GetLooked()), Placements: readPlacements(in.GetPlacements()),
		Denied: ReadDenials(in.GetDenials()), Refused: readRefused(in.GetRefused())}
	for _, c := range in.GetClusters() {
		cluster := Cluster{Name: c.GetCluster(), Standing: standing(c), Head: c.GetHead(),
			Reported: moment(c.GetReported()), Version: c.GetState().GetVersion(),
			Left: moment(c.GetLeft()), Secrets: []Secret{},
			Decommissioned: c.GetDecommissioned(), Suspended: readSuspension(c.GetState().GetSuspended()),
			Deliveries: readDeliveries(c.GetState().GetDeliveries())}
		cluster.Silent = cluster.Standing != Left && isSilent(c, status.Time, patience)
		for _, s := range c.GetSecrets() {
			secret := read(s)
			secret.Denied = slices.ContainsFunc(status.Denied, func(d Denial) bool { return d.Matches(cluster.Name, secret) })
			if secret.Match == NotPlaced && status.isBroken(secret.Placement) {
				secret.Match = Broken
			}
			cluster.Secrets = append(cluster.Secrets, secret)
		}
		status.Clusters = append(status.Clusters, cluster)
	}
	return status
}

func (s Status) isBroken(placement string) bool {
	return slices.ContainsFunc(s.Placements, func(p Placement) bool { return p.Name == placement && p.Broken != "" })
}

func standing(c *keyservicev1.LedgerCluster) Standing {
	switch {
	case !c.GetMember():
		return Left
	case c.GetSuspended():
		return Suspended
	}
	return Member
}

func isSilent(c *keyservicev1.LedgerCluster, now time.Time, patience time.Duration) bool {
	return c.GetReported() == 0 || now.Sub(time.UnixMicro(c.GetReported())) > patience
}

func read(s *keyservicev1.LedgerSecret) Secret {
	said := s.GetSecret()
	return Secret{
		Placement: said.GetPlacement(), Namespace: said.GetNamespace(), Name: said.GetName(), State: said.GetState().Name(),
		Since: moment(s.GetSince()), Reported: moment(s.GetReported()), Workloads: append([]string{}, said.GetWorkloads()...),
		Match: match(s), Digest: said.GetDigest(), PlacedDigest: s.GetPlacedDigest(), NeverPlaced: s.GetNeverPlaced(),
	}
}

func match(s *keyservicev1.LedgerSecret) Match {
	state, digest, placed := s.GetSecret().GetState(), s.GetSecret().GetDigest(), s.GetPlacedDigest()
	has := state == keyservicev1.SecretState_SECRET_STATE_PROVISIONED ||
		state == keyservicev1.SecretState_SECRET_STATE_IN_USE
	switch {
	case !has && placed == "":
		return None
	case !has:
		return Missing
	case digest == "":
		return Unknown
	case placed == "":
		return NotPlaced
	case digest != placed:
		return Outdated
	}
	return Current
}

func moment(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}

// Troubled reports whether the tip of the repository is refused, a cluster is silent, suspended, behind the accepted
// head, or has something else than Git places there; or a placement is not well.
func (s Status) Troubled() bool {
	if s.Refused != nil || s.placementTroubled() {
		return true
	}
	for _, c := range s.Clusters {
		if c.Silent || c.Suspended != nil || c.Standing == Suspended || s.Behind(c) {
			return true
		}
		for _, secret := range c.Secrets {
			if secret.Match != Current && secret.Match != None {
				return true
			}
		}
	}
	return false
}

// KeepSecrets drops everything but the secrets of one name, NAME in any namespace
// or NAMESPACE/NAME, and the placements that they are of.
func (s *Status) KeepSecrets(name string) {
	placements := map[string]bool{}
	for i := range s.Clusters {
		c := &s.Clusters[i]
		c.Secrets = slices.DeleteFunc(c.Secrets,
			func(secret Secret) bool { return secret.Name != name && secret.Object() != name })
		for _, secret := range c.Secrets {
			placements[secret.Placement] = true
		}
	}
	s.Placements = slices.DeleteFunc(s.Placements, func(p Placement) bool { return !placements[p.Name] })
}
