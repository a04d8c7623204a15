package kustomize

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/hexid"
)

// Release is "sha256:…" of what Git brings to all clusters that have a placement in one
// variant: what is built and what is substituted for all of them, and not the labels and
// values of one. Waves go by it: the controller of a cluster and the key service, which
// has nobody's values, find the same. It is "" for what does not build.
func (p *Placed) Release() string {
	if p == nil || p.Build == nil {
		return ""
	}
	shared, values := cmp.Or(p.Build.Shared, p.Build.Digest), p.Placement.Spec.Substitute
	if len(values) == 0 {
		return shared
	}
	var b strings.Builder
	fmt.Fprintln(&b, shared)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s %q\n", name, values[name])
	}
	return hexid.Digest([]byte(b.String()))
}

// Releases are those of the placements that build, by name.
func (r *Resolution) Releases() map[string]string {
	releases := map[string]string{}
	for name, placed := range r.Placed {
		if release := placed.Release(); release != "" {
			releases[name] = release
		}
	}
	return releases
}
