package kustomize

import (
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/kept"
)

// What a build gives, as those know it who build.
type (
	// Build is what one placement builds.
	Build = built.Build
	// Object is one built object, with the id it has in the cluster.
	Object = built.Object
	// ObjectID says which object of a cluster is meant, whatever its version.
	ObjectID = built.ObjectID
	// Stub is the stub file that an object was built from.
	Stub = built.Stub
)

// BuildStore keeps builds between runs of a program.
type BuildStore = kept.Store

// OpenBuildStore opens or makes the store in Git's folder of a repository, for a
// version of the program: another one may build something else.
func OpenBuildStore(gitDir, version string) (*BuildStore, error) {
	return kept.OpenStore(gitDir, version)
}
