package check

import (
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/admission"
	"github.com/bulla-dev/bulla/kustomize"
)

// objects are what placements build, one by one.
type objects struct{ *fleet }

// admit says what every cluster would refuse of a build. The stub's file is
// blamed for its object: what a Secret demands is mended where it is sealed.
func (c objects) admit(build *kustomize.Build) {
	for _, built := range build.Objects {
		o := admission.Object{Content: built.Object}
		name := describe(built.ID()) + ": "
		if built.Stub != nil {
			o.Blocks, name = built.Stub.Manifest.Spec.Blocks, ""
			if built.Stub.Reference != nil {
				o.Blocks = []api.Block{inOne(built.Stub.Reference)}
			}
		}
		for _, p := range admission.Check(o) {
			file, line := c.place(build, built, p.Pointer, p.Value)
			c.add(Finding{
				Warning: p.Warning, File: file, Line: line, Problem: fmt.Sprintf("%s%s", name, p), placement: build.Placement,
			})
		}
	}
}

// warnAt warns about what a built object says, where it was written.
func (c objects) warnAt(
	build *kustomize.Build, o kustomize.Object, pointer, format string, args ...any,
) {
	file, line := c.place(build, o, pointer, nil)
	c.add(Finding{
		Warning: true, File: file, Line: line, Problem: fmt.Sprintf(format, args...), placement: build.Placement,
	})
}
