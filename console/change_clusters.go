package console

import (
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/stub"
	lock "github.com/bulla-dev/bulla/sealing"
)

// offer is for whom a secret can be too.
type offer struct {
	Sets []string
	// Singly says that the secret is locked to single clusters: no set stands beside those.
	Singly   bool
	Clusters []offered
	// Why says why no single cluster can be chosen, and Do what to do; "" where they can.
	Why, Do string
}

// offered is a cluster of the application. Why says why it cannot be chosen.
type offered struct{ Name, Why string }

// offers are the sets and clusters that a secret of a placement is not for yet.
func offers(s *clone.Snapshot, placement string, targets []string) (o offer) {
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
		one := offered{Name: name}
		if _, err := lock.ForCluster(s.Model.Clusters[name]); err != nil {
			one.Why = "nobody compared its keys: " + stub.VouchHint(name)
		}
		o.Clusters = append(o.Clusters, one)
	}
	return o
}

// chosenTargets reads those of a form, of which there is at least one.
func chosenTargets(texts []string) (targets []lock.Target, err error) {
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
