package fleetsync

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Consent that stands in Git, spec.prune.consent of fleet.yaml, is for every cluster of
// the fleet at once. It covers what one revision left out of what stood before it, and
// never what was placed again afterwards, so that a line that is forgotten in fleet.yaml
// opens nothing. What stood is decided on each cluster, by the revision at which Git
// placed an object there last: so a cluster that slept through the revision needs
// nothing else, and a removal that was cut short goes on. A cluster that slept through a
// return as well reads of it in Git's history, and decides as those that were awake.

// mostSince bounds the commits that are read between a consent's revision and the head.
// Beyond it the consent covers nothing: one to a later revision does.
const mostSince = 256

// consents is what fleet.yaml of a snapshot consents to, for one cluster.
type consents struct {
	mirror   openMirror
	builder  *kustomize.Builder
	snapshot *view.Snapshot
	cluster  string
	// typed is the revision that the FleetSync's annotation names; "" for none.
	typed string
	// back are the objects, and backWhole the placements, that Git placed here after a
	// consent's revision, by that.
	back, backWhole *sync.Map
}

func newConsents(m openMirror, b *kustomize.Builder, s *view.Snapshot, cluster string) consents {
	return consents{mirror: m, builder: b, snapshot: s, cluster: cluster,
		back: new(sync.Map), backWhole: new(sync.Map)}
}

// revisions are those that fleet.yaml names, and those among them that are not in the
// history of the snapshot's head.
func (c consents) revisions() (consented, astray []string) {
	for _, consent := range c.snapshot.Fleet.Spec.PruneConsents() {
		if isBefore(c.mirror, consent.Revision, c.snapshot.Head) {
			consented = append(consented, consent.Revision)
		} else {
			astray = append(astray, consent.Revision)
		}
	}
	return consented, astray
}

// isBefore says whether head is or follows a commit.
func isBefore(mirror openMirror, commit, head string) bool {
	if commit == "" || !mirror.Contains(commit) {
		return false
	}
	follows, err := mirror.Follows(head, commit)
	return err == nil && follows
}

// read reads a consented revision. One that cannot be read whole, or that has no file
// of this cluster, does not say what it left out here: it only lacks it.
func (c consents) read(revision string) (*tree.Tree, *model.Model, bool) {
	files, read, err := c.mirror.read(revision)
	if err != nil || read.Clusters[c.cluster] == nil || unsure(read) != "" {
		return nil, nil, false
	}
	return files, read, true
}

// guarded implements [view.Consent]: of fleet.yaml, and of a Delivery's annotation. What
// consent covers its revision places nowhere on this cluster, and neither does a commit
// after it, up to the head. That the Delivery was told at that very revision is not enough:
// what had moved to another placement, and was not taken by it yet, that one drops later,
// and nobody tells this Delivery anything.
func (c consents) guarded(ctx context.Context, d *v1alpha1.Delivery, leaving view.Leaving) (int, []string) {
	consented, astray := c.revisions()
	left := maps.Clone(leaving)
	typed, told := hashOf(d.Annotations[v1alpha1.ConsentAnnotation]), hashOf(d.Spec.Revision)
	if isBefore(c.mirror, typed, c.snapshot.Head) {
		c.letGo(ctx, left, typed, c.annotated, func(string) bool { return true })
	}
	for _, revision := range consented {
		stood := c.before(left, revision)
		if revision == told || len(stood) > 0 {
			c.letGo(ctx, left, revision, c.read, func(until string) bool { return revision == told || stood[until] })
		}
	}
	return len(left), astray
}

// letGo takes out of left what consent to a revision covers, of objects that stood until
// a revision which it is for.
func (c consents) letGo(ctx context.Context, left view.Leaving, revision string,
	read func(revision string) (*tree.Tree, *model.Model, bool), isFor func(until string) bool) {
	files, model, ok := read(revision)
	if !ok {
		return
	}
	then, covered := c.builder.ResolveSoon(ctx, files, model, c.cluster), maps.Clone(left)
	maps.DeleteFunc(covered, func(id kustomize.ObjectID, until string) bool {
		gone, _ := then.MayDelete(id)
		return !gone || !isFor(until)
	})
	if len(covered) == 0 {
		return
	}
	if back, ok := c.placedSince(ctx, revision); ok {
		for id := range covered {
			if !back[id] {
				delete(left, id)
			}
		}
	}
}

// annotated reads the revision that a Delivery's annotation names, as of now: whoever typed
// it saw what is held now, targets that ended since included.
func (c consents) annotated(revision string) (*tree.Tree, *model.Model, bool) {
	files, read, err := c.mirror.read(revision)
	if err != nil || read.Clusters[c.cluster] == nil {
		return nil, nil, false
	}
	return files, read.At(c.snapshot.Model.Now()), true
}

// before are the revisions of what leaves that are before another.
func (c consents) before(leaving view.Leaving, revision string) map[string]bool {
	stood, asked := map[string]bool{}, map[string]bool{}
	for _, until := range leaving {
		if hash := hashOf(until); !asked[until] && hash != revision && isBefore(c.mirror, hash, revision) {
			stood[until] = true
		}
		asked[until] = true
	}
	return stood
}

// since lists the commits after a consent's revision and up to the head, by all parents: a
// return and a removal may have been merged into somebody's own commit. Not ok: there are
// too many, and then the consent covers nothing.
func (c consents) since(ctx context.Context, revision string) (commits []string, ok bool) {
	commits, err := c.mirror.Since(ctx, c.snapshot.Head, revision, mostSince)
	return commits, err == nil
}

// at reads a commit after a consent's revision. It is nil where what the commit holds is
// refused, or has no file of this cluster: that placed nothing here. Not ok: what it
// holds is not known.
func (c consents) at(commit string) (files *tree.Tree, read *model.Model, ok bool) {
	files, read, err := c.mirror.read(commit)
	var entry *tree.Error
	switch {
	case err != nil && files == nil:
		return nil, nil, errors.As(err, &entry) || errors.Is(err, tree.ErrTooLarge)
	case err != nil:
		return nil, nil, !isUnread(err)
	case slices.ContainsFunc(read.Problems, func(p model.Problem) bool { return isUnread(p.Err) }):
		return nil, nil, false
	case read.Clusters[c.cluster] == nil:
		return nil, nil, true
	}
	return files, read, true
}

// isUnread says whether the mirror is to blame, and not what a file holds.
func isUnread(err error) bool {
	return errors.Is(err, tree.ErrCorrupt) || errors.Is(err, source.ErrUnknownRevision)
}

// placedSince are the objects that a commit placed here after a consent's revision, the
// head included. Not ok: that is not known, or not yet, and then the consent waits.
func (c consents) placedSince(ctx context.Context, revision string) (back map[kustomize.ObjectID]bool, ok bool) {
	if known, ok := c.back.Load(revision); ok {
		return known.(map[kustomize.ObjectID]bool), true
	}
	commits, ok := c.since(ctx, revision)
	back = map[kustomize.ObjectID]bool{}
	for _, commit := range commits {
		if ok = ok && c.placedAt(ctx, commit, back) && ctx.Err() == nil; !ok {
			break
		}
	}
	if ok {
		c.back.Store(revision, back)
	}
	return back, ok
}

// placedAt adds what one commit places here.
func (c consents) placedAt(ctx context.Context, commit string, on map[kustomize.ObjectID]bool) bool {
	files, read, ok := c.at(commit)
	if read == nil {
		return ok
	}
	then := c.builder.ResolveSoon(ctx, files, read, c.cluster)
	for id := range then.Owners {
		on[id] = true
	}
	for id := range then.Conflicts {
		on[id] = true
	}
	return len(then.Building()) == 0
}

// cameBack says whether a placement is on this cluster at a commit after a consent's
// revision and before the head: whoever was awake placed it, and guards its removal.
// What was typed into this cluster was typed by somebody who saw what is held.
func (c consents) cameBack(ctx context.Context, revision, placement string) bool {
	if revision == c.typed {
		return false
	}
	if known, there := c.backWhole.Load(revision); there {
		return known.(map[string]bool)[placement]
	}
	names := map[string]bool{}
	commits, ok := c.since(ctx, revision)
	if !ok {
		return true
	}
	for _, commit := range commits {
		if commit == c.snapshot.Head {
			continue
		}
		_, read, ok := c.at(commit)
		if !ok {
			return true
		}
		if read == nil {
			continue
		}
		for _, name := range read.PlacedOn(c.cluster) {
			names[name] = true
		}
	}
	c.backWhole.Store(revision, names)
	return names[placement]
}
