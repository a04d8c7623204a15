package ledger

import (
	"strings"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Denial is an operator's word that something is not unsealed until a time.
type Denial struct {
	ID        uint64    `json:"id"`
	Cluster   string    `json:"cluster,omitempty"`
	Placement string    `json:"placement,omitempty"`
	Digest    string    `json:"digest,omitempty"`
	Reason    string    `json:"reason"`
	Person    string    `json:"person"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
}

// ReadDenials reads the service's list.
func ReadDenials(in []*keyservicev1.Denial) []Denial {
	denials := make([]Denial, len(in))
	for i, d := range in {
		denials[i] = ReadDenial(d)
	}
	return denials
}

// ReadDenial reads one of them.
func ReadDenial(d *keyservicev1.Denial) Denial {
	return Denial{ID: d.GetId(), Cluster: d.GetCluster(), Placement: d.GetPlacement(), Digest: d.GetDigest(),
		Reason: d.GetReason(),
		Person: d.GetPerson(), Since: time.UnixMicro(d.GetSince()).UTC(), Until: time.UnixMicro(d.GetUntil()).UTC()}
}

// What names everything that must match.
func (d Denial) What() string {
	var parts []string
	if d.Cluster != "" {
		parts = append(parts, "cluster/"+d.Cluster)
	}
	if d.Placement != "" {
		parts = append(parts, "placement/"+d.Placement)
	}
	if d.Digest != "" {
		parts = append(parts, d.Digest)
	}
	return strings.Join(parts, " and ")
}

// Matches says whether a secret that is placed on a cluster is denied, by what is
// known here: another file with the same value is known to the service alone.
func (d Denial) Matches(cluster string, s Secret) bool {
	return (d.Cluster == "" || d.Cluster == cluster) && (d.Placement == "" || d.Placement == s.Placement) &&
		(d.Digest == "" || d.Digest == s.PlacedDigest)
}
