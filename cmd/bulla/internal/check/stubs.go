package check

import (
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/kustomize"
)

// object is one built object of a stub.
type object struct{ placement, namespace, name string }

// stubUse is a stub and what the fleet makes of it.
type stubUse struct {
	manifest *api.SealedManifest
	// reference stands in Git for a stub whose blocks are elsewhere; nil for others.
	reference *api.SealedReference
	// clusters by built object.
	clusters map[object]map[string]bool
}

// stubs are the sealed files, and what the fleet makes of them.
type stubs struct {
	*fleet
	uses map[string]*stubUse
	// deleted are the stubs that a patch takes out of a build.
	deleted map[string]bool
}

// note records the stubs of a build on a cluster; "" is no cluster.
func (s *stubs) note(build *kustomize.Build, cluster string) {
	for _, d := range build.Deleted {
		s.deleted[d.Stub.Path] = true
		s.warn(d.File, "it deletes the Secret of stub %s: placement %s gets none of its values", d.Stub.Path, build.Placement)
	}
	for _, built := range build.Objects {
		if built.Stub == nil {
			continue
		}
		use, ok := s.uses[built.Stub.Path]
		if !ok {
			use = &stubUse{manifest: built.Stub.Manifest, reference: built.Stub.Reference,
				clusters: map[object]map[string]bool{}}
			s.uses[built.Stub.Path] = use
		}
		o := object{build.Placement, built.GetNamespace(), built.GetName()}
		if use.clusters[o] == nil {
			use.clusters[o] = map[string]bool{}
		}
		if cluster != "" {
			use.clusters[o][cluster] = true
		}
	}
}

// check looks at each block, and for stubs that nothing builds. broken are the
// folders of placements that do not build.
func (s *stubs) check(broken map[string]bool) {
	for file, use := range s.uses {
		s.recipes(file, use.manifest, use.keys())
		for i, block := range use.manifest.Spec.Blocks {
			b := &blockCheck{fleet: s.fleet, file: file, index: i, block: block, use: use}
			b.locks()
			b.binding()
			b.reach()
		}
		if use.reference != nil {
			referenceCheck{blockCheck{fleet: s.fleet, file: file, block: inOne(use.reference), use: use}}.check()
		}
	}
	s.checkLoose(broken)
	s.noteReferences()
}

// keys are those that the stub seals.
func (u *stubUse) keys() []string {
	return (&kustomize.Stub{Manifest: u.manifest, Reference: u.reference}).SealedKeys()
}

// blockLine returns the line of a block, 0 when the layout does not show it.
func (f *fleet) blockLine(file string, i int) int {
	data, err := f.tree.ReadFile(file)
	if err != nil {
		return 0
	}
	blocks, err := yamltext.Find(data, "spec", "blocks")
	if err != nil {
		return 0
	}
	return blocks.Line(i)
}
