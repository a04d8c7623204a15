package wizard

import (
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/stub"
	lock "github.com/bulla-dev/bulla/sealing"
)

// Offer is for whom a secret can be too.
type Offer struct {
	Sets []string
	// Singly says that the secret is locked to single clusters: no set stands beside those.
	Singly   bool
	Clusters []Offered
	// Why says why no single cluster can be chosen, and Do what to do; "" where they can.
	Why, Do string
}

// Offered is a cluster of the application. Why says why it cannot be chosen.
type Offered struct{ Name, Why string }

// Offers are the sets and clusters that a secret of a placement is not for yet.
func Offers(s *clone.Snapshot, placement string, targets []string) (o Offer) {
	single := string(lock.Cluster) + "/"
	o.Singly = slices.ContainsFunc(targets, func(t string) bool { return strings.HasPrefix(t, single) })
	for _, set := range slices.Sorted(maps.Keys(s.Model.Sets)) {
		if !o.Singly && !slices.Contains(targets, "set/"+set) {
			o.Sets = append(o.Sets, set)
		}
	}
	if len(s.Model.Fleet.Spec.RecoveryRecipients) == 0 {
		o.Why = "A lock for a single cluster needs a recovery recipient in the fleet: a rebuilt cluster has new keys, and " +
			"the value would be lost."
		o.Do = "Have an operator declare one (bulla-keyservice signs it), or choose a set."
		return o
	}
	for _, name := range s.Model.TargetsOf(placement) {
		if slices.Contains(targets, single+name) {
			continue
		}
		one := Offered{Name: name}
		if _, err := lock.ForCluster(s.Model.Clusters[name]); err != nil {
			one.Why = "nobody compared its keys: " + stub.VouchHint(name)
		}
		o.Clusters = append(o.Clusters, one)
	}
	return o
}
