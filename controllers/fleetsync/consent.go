package fleetsync

import (
	"context"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Consent that stands in Git, spec.prune.consent of fleet.yaml, is for every cluster of
// the fleet at once. It covers what one revision left out of what stood before it, and
// never what was placed again afterwards, so that a line that is forgotten in fleet.yaml
// opens nothing. What stood is decided on each cluster, by the revision at which Git
// placed an object there last: so a cluster that slept through the revision needs
// nothing else, and a removal that was cut short goes on.

// consents is what fleet.yaml of a snapshot consents to, for one cluster.
type consents struct {
	mirror   openMirror
	builder  *kustomize.Builder
	snapshot *view.Snapshot
	cluster  string
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

// guarded implements [view.Consent]. A Delivery that was told at a consented revision
// drops nothing that came later. Otherwise the revision stands between the one at which
// Git placed an object here last and the one that the Delivery was told, and places it
// nowhere on this cluster.
func (c consents) guarded(ctx context.Context, d *v1alpha1.Delivery, leaving view.Leaving) (int, []string) {
	consented, astray := c.revisions()
	told := hashOf(d.Spec.Revision)
	if slices.Contains(consented, told) {
		return 0, astray
	}
	left := maps.Clone(leaving)
	for _, revision := range consented {
		stood := c.before(left, revision)
		if len(stood) == 0 || !isBefore(c.mirror, revision, told) {
			continue
		}
		files, read, ok := c.read(revision)
		if !ok {
			continue
		}
		then := c.builder.ResolveSoon(ctx, files, read, c.cluster)
		maps.DeleteFunc(left, func(id kustomize.ObjectID, until string) bool {
			gone, _ := then.MayDelete(id)
			return gone && stood[until]
		})
	}
	return len(left), astray
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
