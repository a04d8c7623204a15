package recovery

import (
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/sealing"
)

// Job locks stubs anew, without the HSM of their old locks.
type Job struct {
	Finder     *Finder
	Sealer     *sealing.Sealer
	Identities []age.Identity
	// Cluster renews the locks to this cluster alone, whatever their key: its
	// recipient changed. Empty renews every lock that is not under the
	// sealer's key, and with All every lock.
	Cluster string
	All     bool
}

// Outcome is one stub.
type Outcome struct {
	Object built.Use
	// Data is the new file; nil when nothing had to change.
	Data []byte
	// Targets are those with new locks; Left those whose locks stay as they
	// are, because no such cluster or set is in the fleet.
	Targets, Left []string
}

// Relock returns the file with new locks for the targets that it has. Nothing
// is written.
func (j *Job) Relock(file string, data []byte) (*Outcome, error) {
	parsed, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return nil, err
	}
	out := &Outcome{}
	if !j.concerns(parsed) {
		return out, nil
	}
	if out.Object, err = j.Finder.Object(file, parsed); err != nil {
		return nil, err
	}
	changed := map[int][]api.Lock{}
	for i := range parsed.Spec.Blocks {
		locks, err := j.block(out, parsed, i)
		if err != nil {
			return nil, failed(file, i, err)
		}
		if !slices.Equal(locks, parsed.Spec.Blocks[i].Locks) {
			changed[i] = locks
		}
	}
	if len(changed) == 0 {
		return out, nil
	}
	out.Data, err = stub.SetLocks(file, data, parsed, changed)
	return out, err
}

// concerns reports whether any lock of a stub is to be renewed.
func (j *Job) concerns(parsed *api.SealedManifest) bool {
	return slices.ContainsFunc(parsed.Spec.Blocks, func(b api.Block) bool {
		return slices.ContainsFunc(b.Locks, j.renews)
	})
}

func (j *Job) renews(lock api.Lock) bool {
	if j.Cluster != "" {
		return lock.Target == string(sealing.Cluster)+"/"+j.Cluster
	}
	return j.All || lock.Key != j.Sealer.Key.ID
}

// block returns the locks of a block: renewed ones at the place of the first
// lock of their target, the others as they are.
func (j *Job) block(out *Outcome, parsed *api.SealedManifest, i int) ([]api.Lock, error) {
	block := &parsed.Spec.Blocks[i]
	var targets []sealing.LockTarget
	for _, lock := range block.Locks {
		target, ok, err := j.target(lock.Target)
		switch {
		case !j.renews(lock):
		case err != nil:
			return nil, err
		case !ok:
			out.Left = addNew(out.Left, lock.Target)
		default:
			targets = addNew(targets, target)
		}
	}
	if len(targets) == 0 {
		return block.Locks, nil
	}
	c, err := sealing.ContextOf(j.Finder.Repo.Model.Fleet.Spec.ID, parsed, i, out.Object.Namespace, out.Object.Name)
	if err != nil {
		return nil, err
	}
	fresh, err := j.Sealer.Relock(c, block, targets, j.Identities...)
	if err != nil {
		return nil, err
	}
	for _, target := range targets {
		out.Targets = addNew(out.Targets, target.String())
	}
	return merge(block.Locks, fresh), nil
}

// merge puts fresh locks in the place of all locks of their targets.
func merge(old, fresh []api.Lock) []api.Lock {
	var merged []api.Lock
	for _, lock := range old {
		if i := slices.IndexFunc(fresh, func(f api.Lock) bool { return f.Target == lock.Target }); i >= 0 {
			lock = fresh[i]
		}
		merged = addNew(merged, lock)
	}
	return merged
}

func addNew[T comparable](list []T, item T) []T {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

// target looks a lock's target up in the fleet: the recipient of a cluster is
// only ever the one in Git.
func (j *Job) target(text string) (target sealing.LockTarget, ok bool, err error) {
	if target.Target, err = sealing.ParseTarget(text); err != nil {
		return target, false, err
	}
	model := j.Finder.Repo.Model
	if target.Kind == sealing.Set {
		_, ok = model.Sets[target.Name]
		return target, ok, nil
	}
	cluster, ok := model.Clusters[target.Name]
	if !ok {
		return target, false, nil
	}
	if target, err = sealing.ForCluster(cluster); err != nil {
		err = fault.WithHint(err, stub.VouchHint(target.Name))
	}
	return target, true, err
}

// String says what was done to a stub.
func (o *Outcome) String() string {
	return fmt.Sprintf("%s/%s for %s", o.Object.Namespace, o.Object.Name, strings.Join(o.Targets, ", "))
}
