package sealjob

import (
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing"
)

// locking decides whom blocks are locked to.
type locking struct {
	model *model.Model
	whom  Whom
	where Where
}

// targets decides whom a block is locked to: what was asked for, else the
// placement's targets, else those of the block that it replaces, else those
// that all other blocks of the file agree on, else those of the placements that
// build the file.
func (l locking) targets(change stub.Change, found *built.Result) ([]sealing.LockTarget, error) {
	var targets []sealing.Target
	var err error
	switch kept := l.kept(change); {
	case len(l.whom.More) > 0:
		targets = append(l.each(change), l.whom.More...)
	case len(l.whom.Targets) > 0:
		if targets, err = l.whom.Targets, l.checkTwoLock(l.whom.Targets); err != nil {
			return nil, err
		}
	case l.whom.Placement != "":
		if targets, err = l.all(found.Uses, l.whom.Placement); err != nil {
			return nil, err
		}
	case len(kept) > 0:
		targets = kept
	default:
		if targets, err = l.all(found.Uses, ""); err != nil {
			return nil, err
		}
	}
	if len(targets) == 0 {
		return nil, fault.NewUsage("give --set NAME, or --for PLACEMENT to take its targets",
			"seal %s: nothing says which clusters it is for", l.where.File)
	}
	if err := l.checkNoSets(targets); err != nil {
		return nil, err
	}
	return l.lockTargets(targets)
}

// checkAsked holds the targets that flags name against the fleet.
func (l locking) checkAsked() error {
	asked := append(slices.Clone(l.whom.Targets), l.whom.More...)
	if err := l.checkTwoLock(asked); err != nil {
		return err
	}
	if err := l.checkNoSets(asked); err != nil {
		return err
	}
	_, err := l.lockTargets(asked)
	return err
}

// kept returns the targets that the file has for these fields already.
func (l locking) kept(change stub.Change) []sealing.Target {
	blocks := l.where.Stub.Spec.Blocks
	if len(change.Replaces) > 0 {
		var replaced []api.Block
		for _, i := range change.Replaces {
			replaced = append(replaced, blocks[i])
		}
		blocks = replaced
	}
	var agreed []sealing.Target
	for i, block := range blocks {
		var targets []sealing.Target
		for _, lock := range block.Locks {
			if target, err := sealing.ParseTarget(lock.Target); err == nil && !slices.Contains(targets, target) &&
				!slices.Contains(l.whom.Never, target) {
				targets = append(targets, target)
			}
		}
		if i > 0 && !slices.Equal(targets, agreed) {
			return nil
		}
		agreed = targets
	}
	return agreed
}

// each are the targets of all blocks that a change replaces: none of them is lost.
func (l locking) each(change stub.Change) (targets []sealing.Target) {
	for _, i := range change.Replaces {
		for _, lock := range l.where.Stub.Spec.Blocks[i].Locks {
			if target, err := sealing.ParseTarget(lock.Target); err == nil && !slices.Contains(targets, target) {
				targets = append(targets, target)
			}
		}
	}
	return targets
}

// all are the targets of what builds the stub; those of the placement, if there is
// one, while nothing of it does.
func (l locking) all(uses []built.Use, placement string) (targets []sealing.Target, err error) {
	if len(uses) == 0 && placement != "" {
		return l.placed(placement)
	}
	for _, use := range uses {
		own := func(u built.Use) bool { return u.Placement == use.Placement && u.Variant == "" }
		if use.Variant != "" && slices.ContainsFunc(uses, own) {
			continue // the placement's targets have the variant's clusters too
		}
		more, err := l.used(use)
		if err != nil {
			return nil, err
		}
		for _, target := range more {
			if !slices.Contains(targets, target) {
				targets = append(targets, target)
			}
		}
	}
	return targets, nil
}

// used: what only a variant builds is for nobody but the clusters of that variant. A
// set that it selects is one to lock to; by other selectors the placement's are.
func (l locking) used(use built.Use) ([]sealing.Target, error) {
	spec := l.model.Placements[use.Placement].Spec
	i := slices.IndexFunc(spec.Variants, func(v api.PlacementVariant) bool { return v.Name == use.Variant })
	switch {
	case use.Variant == "" || i < 0:
		return l.placed(use.Placement)
	case spec.Variants[i].ClusterSet != "":
		return []sealing.Target{{Kind: sealing.Set, Name: spec.Variants[i].ClusterSet}}, nil
	case spec.Variants[i].ClusterName != "" && l.whom.TwoLock:
		return []sealing.Target{{Kind: sealing.Cluster, Name: spec.Variants[i].ClusterName}}, nil
	}
	return l.placed(use.Placement)
}

// placed turns a placement's targets into lock targets. A single cluster is
// locked to only when that was asked for: such a lock dies with the cluster.
func (l locking) placed(placement string) ([]sealing.Target, error) {
	var targets []sealing.Target
	var single []string
	live := l.model.LiveTargets(placement)
	for _, t := range live {
		if t.ClusterSet != "" {
			targets = append(targets, sealing.Target{Kind: sealing.Set, Name: t.ClusterSet})
		}
	}
	for _, t := range live {
		switch {
		case t.ClusterName == "":
		case l.whom.TwoLock:
			targets = append(targets, sealing.Target{Kind: sealing.Cluster, Name: t.ClusterName})
		case !l.inOneOf(t.ClusterName, targets):
			single = append(single, t.ClusterName)
		}
	}
	if len(single) > 0 {
		hint := "name a set that has it with --set (`bulla cluster set` makes one, by labels)"
		if !l.whom.SetsOnly {
			hint += ", or lock to the cluster's own key with --two-lock"
		}
		return nil, fault.NewUsage(hint,
			"placement %q targets %s by name, in none of its sets", placement, strings.Join(single, ", "))
	}
	return targets, nil
}

func (l locking) inOneOf(cluster string, targets []sealing.Target) bool {
	return slices.ContainsFunc(targets, func(t sealing.Target) bool {
		return t.Kind == sealing.Set && slices.Contains(l.model.Members(t.Name), cluster)
	})
}

func (l locking) checkTwoLock(targets []sealing.Target) error {
	for _, target := range targets {
		if target.Kind == sealing.Cluster && !l.whom.TwoLock {
			return fault.NewUsage("add --two-lock if you mean it, or name a set with --set",
				"a lock to %s opens with that cluster's own key only, and dies with it", target)
		}
	}
	return nil
}

// namedClusters is how many clusters a hint names before it says how to list them.
const namedClusters = 8

// checkNoSets refuses sets beside --two-lock. The locks of a block are each enough:
// one for a set, and the key service opens the value without any cluster's own key.
func (l locking) checkNoSets(targets []sealing.Target) error {
	var sets, clusters []string
	for _, target := range targets {
		members := []string{target.Name}
		if target.Kind == sealing.Set {
			sets = append(sets, target.String())
			members = l.model.Members(target.Name)
		}
		clusters = append(clusters, members...)
	}
	if !l.whom.TwoLock || len(sets) == 0 {
		return nil
	}
	slices.Sort(clusters)
	hint := "name each cluster with --cluster, and no set; `bulla cluster list` shows them"
	if clusters = slices.Compact(clusters); len(clusters) > 0 && len(clusters) <= namedClusters {
		hint = "name each cluster, and no set: --two-lock --cluster " + strings.Join(clusters, " --cluster ")
	}
	return fault.NewUsage(hint,
		"--two-lock locks to single clusters, and %s would be locked to %s: "+
			"that lock opens without any cluster's own key",
		l.where.File, strings.Join(sets, ", "))
}

// lockTargets looks the targets up in the fleet.
func (l locking) lockTargets(targets []sealing.Target) ([]sealing.LockTarget, error) {
	var locks []sealing.LockTarget
	for _, target := range targets {
		lock := sealing.LockTarget{Target: target}
		if slices.Contains(locks, lock) {
			continue
		}
		if target.Kind == sealing.Set {
			if _, ok := l.model.Sets[target.Name]; !ok {
				return nil, naming.Unknown(l.model, api.KindClusterSet, target.Name,
					"`bulla cluster set` makes one, by labels")
			}
			locks = append(locks, lock)
			continue
		}
		cluster, ok := l.model.Clusters[target.Name]
		if !ok {
			return nil, naming.Unknown(l.model, api.KindCluster, target.Name, "`bulla cluster list` shows the clusters")
		}
		if len(l.model.Fleet.Spec.RecoveryRecipients) == 0 {
			return nil, fault.New(
				"have a recovery recipient declared in fleet.yaml (bulla-keyservice signs it), or lock to a set",
				"a lock to %s needs a recovery recipient in the fleet: a rebuilt cluster has new keys, and the value would be lost",
				target)
		}
		lock, err := sealing.ForCluster(cluster)
		if err != nil {
			return nil, fault.WithHint(err, stub.VouchHint(target.Name))
		}
		if !grant.Receives(cluster) {
			return nil, fault.New("it starts with age1pq1, and stands whole in the status of the cluster's FleetSync; "+
				"`bulla validate` checks all", "%s: spec.recipient: is not a cluster's age recipient",
				l.model.Files[api.KindCluster+"/"+target.Name])
		}
		if !slices.Contains(locks, lock) {
			locks = append(locks, lock)
		}
	}
	return locks, nil
}
