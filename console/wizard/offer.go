package wizard

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
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

// Targets are those of a form, of which there is at least one.
func Targets(texts []string) (targets []lock.Target, err error) {
	for _, text := range texts {
		target, err := lock.ParseTarget(text)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	if len(targets) == 0 {
		return nil, draft.ErrNoTarget
	}
	return targets, nil
}

// Wired tells readers of a secret to which it is wired from those that name it in files of
// their own: these do not start without it.
func Wired(deliver []api.DeliverAs, namespace string, readers []string) (given, rest []string) {
	for _, reader := range readers {
		if slices.ContainsFunc(deliver, func(d api.DeliverAs) bool {
			return reader == d.Workload.Kind+" "+namespace+"/"+d.Workload.Name
		}) {
			given = append(given, reader)
		} else {
			rest = append(rest, reader)
		}
	}
	return given, rest
}
