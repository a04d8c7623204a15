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
		name := describe(built.ID()) + ": "
		if built.Stub != nil {
			o.Blocks, name = built.Stub.Manifest.Spec.Blocks, ""
		}
		for _, p := range admission.Check(o) {
			file, line := c.place(build, built, p.Pointer, p.Value)
			c.add(Finding{Warning: p.Warning, File: file, Line: line, Problem: fmt.Sprintf("%s%s (placement %s)", name, p, build.Placement)})
		}
	}
}
