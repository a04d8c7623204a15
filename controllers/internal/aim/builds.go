package aim

import (
	"context"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Builds are the objects of the build that is to stand, and of the one that was
// applied last. Each is prepared once. The zero value is ready; it is not safe for concurrent use.
type Builds struct {
	prepared struct {
		key     string
		objects []apply.Object
	}
	last struct {
		digest  string
		objects []apply.Object
		// asked is the snapshot that did not have it.
		asked *view.Snapshot
	}
}

// prepare gives the objects of a build as they are to stand.
func (b *Builds) prepare(fleet string, build *kustomize.Build) ([]apply.Object, error) {
	key := fleet + "\n" + build.Digest
	if b.prepared.key == key {
		return b.prepared.objects, nil
	}
	objects, err := prepare(fleet, build)
	if err != nil {
		return nil, err
	}
	b.prepared.key, b.prepared.objects = key, objects
	return objects, nil
}

func prepare(fleet string, build *kustomize.Build) ([]apply.Object, error) {
	owner := apply.Owner{Fleet: fleet, Placement: build.Placement}
	return apply.Prepare(owner, build.Objects, func(stub *kustomize.Stub) (string, error) {
		return reference.ContentDigest(fleet, stub.Manifest, stub.Reference)
	})
}

// Applied notes the build that was applied.
func (b *Builds) Applied(digest string, objects []apply.Object) {
	b.last.digest, b.last.objects, b.last.asked = digest, objects, nil
}

// Stood gives the objects of the build that was applied last. This process has
// them, or the revision that they were built from is in the mirror.
func (b *Builds) Stood(ctx context.Context, s *view.Snapshot, d *v1alpha1.Delivery) ([]apply.Object, error) {
	digest := d.Status.AppliedBuildDigest
	switch {
	case digest == "":
		return nil, nil
	case b.last.digest == digest:
		return b.last.objects, nil
	case b.last.asked == s || s.Stood == nil:
		return nil, nil
	}
	build := s.Stood(ctx, d)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if build == nil {
		b.last.digest, b.last.objects, b.last.asked = "", nil, s
		return nil, nil
	}
	objects, err := prepare(s.Fleet.Spec.ID, build)
	if err != nil {
		return nil, loop.Failed(loop.Stall, v1alpha1.ApplyFailedReason, err)
	}
	b.Applied(digest, objects)
	return objects, nil
}
