package ledger

import (
	"slices"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Suspension says who stopped something, and since when, as the cluster has it.
type Suspension struct {
	By    string     `json:"by,omitempty"`
	Since *time.Time `json:"since,omitempty"`
}

// Delivery is one placement on one cluster: that cluster's word.
type Delivery struct {
	Placement string `json:"placement"`
	// Variant of the placement that the cluster builds; "" for its own.
	Variant string `json:"variant,omitempty"`
	// Ready is True, False or Unknown.
	Ready     string      `json:"ready"`
	Reason    string      `json:"reason,omitempty"`
	Message   string      `json:"message,omitempty"`
	Since     *time.Time  `json:"since,omitempty"`
	Objects   int         `json:"objects"`
	Suspended *Suspension `json:"suspended,omitempty"`
}

// Placement is one of the head that the key service accepted last.
type Placement struct {
	Name      string   `json:"name"`
	Suspended bool     `json:"suspended,omitempty"`
	Clusters  []string `json:"clusters"`
	// Broken says why it does not build.
	Broken string `json:"broken,omitempty"`
	// Ends is when it leaves a cluster by itself, or did.
	Ends []End `json:"ends,omitempty"`
}

// End is when a placement leaves a cluster by itself.
type End struct {
	Cluster  string    `json:"cluster"`
	NotAfter time.Time `json:"notAfter"`
}

func readEnds(in []*keyservicev1.LedgerEnd) []End {
	var ends []End
	for _, end := range in {
		ends = append(ends, End{Cluster: end.GetCluster(), NotAfter: time.UnixMicro(end.GetNotAfter()).UTC()})
	}
	return ends
}

func readPlacements(in []*keyservicev1.LedgerPlacement) []Placement {
	placements := make([]Placement, len(in))
	for i, p := range in {
		placements[i] = Placement{
			Name: p.GetPlacement(), Suspended: p.GetSuspended(),
			Clusters: append([]string{}, p.GetClusters()...), Broken: p.GetBroken(),
			Ends: readEnds(p.GetEnds()),
		}
	}
	return placements
}

func readSuspension(s *keyservicev1.Suspension) *Suspension {
	if s == nil {
		return nil
	}
	return &Suspension{By: s.GetBy(), Since: moment(s.GetSince())}
}

func readDeliveries(in []*keyservicev1.DeliveryState) []Delivery {
	deliveries := make([]Delivery, len(in))
	for i, d := range in {
		deliveries[i] = Delivery{Placement: d.GetPlacement(), Variant: d.GetVariant(),
			Ready: readiness(d.GetReady()), Reason: d.GetReason(), Message: d.GetMessage(),
			Since: moment(d.GetSince()), Objects: int(d.GetObjects()), Suspended: readSuspension(d.GetSuspended())}
	}
	return deliveries
}

func readiness(r keyservicev1.Readiness) string {
	switch r {
	case keyservicev1.Readiness_READINESS_READY:
		return "True"
	case keyservicev1.Readiness_READINESS_NOT_READY:
		return "False"
	}
	return "Unknown"
}

// String names it for people: Ready, or the reason why it is not.
func (d Delivery) String() string {
	switch {
	case d.Suspended != nil:
		return "Suspended"
	case d.Ready == "True":
		return "Ready"
	case d.Reason != "":
		return d.Reason
	}
	return "Unknown"
}

// Well says that nothing is to be done about it.
func (d Delivery) Well() bool { return d.Ready == "True" && d.Suspended == nil }

// Delivery is what a cluster said of a placement; nil where it said nothing.
func (c Cluster) Delivery(placement string) *Delivery {
	i := slices.IndexFunc(c.Deliveries, func(d Delivery) bool { return d.Placement == placement })
	if i < 0 {
		return nil
	}
	return &c.Deliveries[i]
}

// Behind says that a cluster reported another head than the one that the key
// service accepted last.
func (s Status) Behind(c Cluster) bool { return c.Standing != Left && c.Head != s.Head }

// placementTroubled: it does not build, somebody suspended it, or a cluster that
// is in the fleet does not say that it is ready.
func (s Status) placementTroubled() bool {
	for _, p := range s.Placements {
		if p.Broken != "" || p.Suspended {
			return true
		}
		for _, c := range s.Clusters {
			if !slices.Contains(p.Clusters, c.Name) || c.Standing == Left {
				continue
			}
			if d := c.Delivery(p.Name); d == nil || !d.Well() {
				return true
			}
		}
	}
	return false
}
