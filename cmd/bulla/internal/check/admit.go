package check

import (
	"fmt"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/admission"
	"github.com/bulla-dev/bulla/kustomize"
)

// admit says what every cluster would refuse of a build. The stub's file is
// blamed for its object: what a Secret demands is mended where it is sealed.
func (c *checker) admit(build *kustomize.Build) {
	for _, built := range build.Objects {
		o := admission.Object{Content: built.Object}
		file, name := c.placementFile(build.Placement), describe(built.ID())+": "
		if built.Stub != nil {
			o.Blocks = built.Stub.Manifest.Spec.Blocks
			file, name = built.Stub.Path, ""
		}
		for _, p := range admission.Check(o) {
			c.add(Finding{Warning: p.Warning, File: file, Problem: fmt.Sprintf("%s%s (placement %s)", name, p, build.Placement)})
		}
	}
}
