package kustomize

import (
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestALeanBuildIsTheSameBuild: what a controller applies, asks and remembers goes by
// digests, and none of them may tell whether locks are held.
func TestALeanBuildIsTheSameBuild(t *testing.T) {
	files, p := withStub(""), placement()
	whole := build(t, files, p)
	lean, err := NewBuilder(BuilderOptions{Lean: true}).Build(t.Context(), testfleet.Open(t, files), p)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Digest != lean.Digest {
		t.Errorf("the digest is %s, and without locks %s", whole.Digest, lean.Digest)
	}
	is, was := lean.Objects[0].Stub, whole.Objects[0].Stub
	for i, block := range is.Manifest.Spec.Blocks {
		if len(block.Locks) != 0 || len(was.Manifest.Spec.Blocks[i].Locks) == 0 {
			t.Errorf("block %d has %d locks without them, and %d with", i, len(block.Locks),
				len(was.Manifest.Spec.Blocks[i].Locks))
		}
	}
	if is.Digest != was.Digest {
		t.Errorf("the stub is %s, and without locks %s", was.Digest, is.Digest)
	}
}
