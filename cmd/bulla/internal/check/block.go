package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/sealing"
)

// restore is for what nobody writes by hand.
const restore = "take the file as it was from Git (git checkout REVISION -- FILE), or give the value again " +
	"with bulla seal"

type blockCheck struct {
	*fleet
	file  string
	index int
	block api.Block
	use   *stubUse
}

func (b *blockCheck) report(warning bool, field, format string, args ...any) {
	f := Finding{Warning: warning, File: b.file, Problem: fmt.Sprintf(format, args...)}
	if b.use.reference != nil {
		f.Field, f.Line = "spec"+field, b.fieldLine(b.file, "spec.targets")
	} else {
		// Looked for once something is wrong: most files are as they should be, and large.
		f.Field, f.Line = fmt.Sprintf("spec.blocks[%d]%s", b.index, field), b.blockLine(b.file, b.index)
	}
	b.add(f)
}

// locks checks each lock alone.
func (b *blockCheck) locks() {
	for i, lock := range b.block.Locks {
		field := fmt.Sprintf(".locks[%d]", i)
		key, ok := b.model.Fleet.Spec.Key(lock.Key)
		switch {
		case !ok:
			b.report(false, field+".key", "the fleet has no sealing key %q", lock.Key)
			continue
		case key.Status == api.KeyRetired:
			b.report(false, field+".key", "sealing key %q is Retired: it opens nothing; seal the value again", lock.Key)
		case key.Status == api.KeySuperseded:
			b.report(true, field+".key", "sealing key %q is Superseded: `bulla reseal` moves the lock before it is Retired",
				lock.Key)
		}
		if err := sealing.CheckLock(key.Suite, lock); err != nil {
			b.report(false, field+".ciphertext", "the lock is damaged: %v; hint: "+restore, err)
		}
		b.target(field+".target", lock)
	}
}

// target checks whom a lock is for.
func (b *blockCheck) target(field string, lock api.Lock) {
	b.vouched(field, lock)
	if target, err := sealing.ParseTarget(lock.Target); err == nil && len(b.members(target)) == 0 &&
		!b.lostTarget(target) {
		b.report(true, field, "%s: this lock is for nobody", b.gone(target))
	}
}

// gone says why a target has no cluster.
func (b *blockCheck) gone(target sealing.Target) string {
	switch {
	case target.Kind == sealing.Cluster:
		return fmt.Sprintf("cluster %q is not in the fleet", target.Name)
	case b.model.Sets[target.Name] == nil:
		return fmt.Sprintf("cluster set %q is not in the fleet", target.Name)
	}
	return fmt.Sprintf("cluster set %q has no cluster", target.Name)
}

// vouched says of a two-lock that it is worth one.
func (b *blockCheck) vouched(field string, lock api.Lock) {
	target, err := sealing.ParseTarget(lock.Target)
	if err != nil || target.Kind != sealing.Cluster || b.model.Clusters[target.Name] == nil {
		return
	}
	if _, err := sealing.ForCluster(b.model.Clusters[target.Name]); err != nil {
		b.report(false, field, "%v; hint: %s", err, stub.VouchHint(target.Name))
	}
}

// lostTarget: whom a lock is for is not known while the file that says so is refused.
func (b *blockCheck) lostTarget(target sealing.Target) bool {
	if target.Kind == sealing.Set {
		return b.model.MembersRefused(target.Name)
	}
	return b.refused(api.KindCluster, target.Name)
}

func (b *blockCheck) members(target sealing.Target) []string {
	if target.Kind == sealing.Set {
		return b.model.Members(target.Name)
	}
	if _, ok := b.model.Clusters[target.Name]; ok {
		return []string{target.Name}
	}
	return nil
}

// binding checks that the payload is sealed for the object that is built. The
// digest in its header says so without opening it.
func (b *blockCheck) binding() {
	payload, err := sealing.ParsePayload(b.block.Payload)
	if err != nil {
		b.report(false, ".payload", "the payload is damaged: %v; hint: "+restore, err)
		return
	}
	b.recovery(b.file, b.index, b.block, payload)
	for o := range b.use.clusters {
		c, err := sealing.ContextOf(b.model.Fleet.Spec.ID, b.use.manifest, b.index, o.namespace, o.name)
		if err != nil {
			b.report(false, "", "%v", err)
			continue
		}
		if c.Digest() != payload.ContextDigest() {
			b.report(false, ".payload", "%s: it will not open; %s", b.mismatch(o), b.use.advice(b.model, o.placement))
		}
	}
}

// mismatch says what a payload is not sealed for. The header's digest is of all
// that it is bound to, so that a renamed field looks like a renamed object.
func (b *blockCheck) mismatch(o object) string {
	return fmt.Sprintf(
		"it is sealed for another object than %s/%s, which placement %s makes of it, or for other fields than %s",
		o.namespace, o.name, o.placement, strings.Join(b.block.Fields, " "))
}

// advice is how to seal for what placement makes of a stub. When it becomes
// several objects, sealing it for one takes it from the others.
func (u *stubUse) advice(m *model.Model, placement string) string {
	var stands []plan.Stand
	for o := range u.clusters {
		stands = append(stands, plan.Stand{Placement: o.placement, Namespace: o.namespace, Name: o.name})
	}
	if advice := plan.Several(m, u.manifest, stands); advice != "" {
		return advice
	}
	if len(stands) > 1 { // one alone would keep its targets, and the others lose theirs
		return "give the value again with bulla set"
	}
	return "seal with --for " + placement
}

// reach checks that every cluster that gets the object has a lock.
func (b *blockCheck) reach() {
	reached := map[string]bool{}
	var sets, clusters []string
	for _, lock := range b.block.Locks {
		target, err := sealing.ParseTarget(lock.Target)
		if err != nil {
			continue
		}
		if target.Kind == sealing.Set {
			sets = append(sets, lock.Target)
		} else {
			clusters = append(clusters, lock.Target)
		}
		if b.lostTarget(target) {
			return
		}
		for _, cluster := range b.members(target) {
			reached[cluster] = true
		}
	}
	field := ".locks"
	if b.use.reference != nil {
		field = ".targets"
	}
	if len(sets) > 0 && len(clusters) > 0 {
		b.report(true, field,
			"the lock for %s opens without any cluster's own key, so that the one for %s is worth no more; "+
				"hint: give the value again, with --set or with --two-lock --cluster", sets[0], clusters[0])
	}
	locked := map[string]bool{}
	for _, clusters := range b.use.clusters {
		for cluster := range clusters {
			if !reached[cluster] {
				locked[cluster] = true
			}
		}
	}
	if len(locked) > 0 {
		again := "--set SET, a set that has it"
		if len(sets) == 0 && len(clusters) > 0 {
			again = "--two-lock --cluster, once for each"
		}
		b.report(true, field, "no lock opens %s on %s, where it is placed; hint: give the value again with bulla seal %s",
			strings.Join(b.block.Fields, " "), naming.Some(slices.Sorted(maps.Keys(locked))), again)
	}
}
