package fleet

import "strings"

// DeletionPolicy is what becomes of a placement's objects when it leaves a cluster, in
// Flux's words. Under each of them sealed objects go: Git took their grant away.
type DeletionPolicy string

// The policies.
const (
	// DeletionMirrorPrune deletes where spec.prune is true, and orphans where not.
	DeletionMirrorPrune DeletionPolicy = "MirrorPrune"
	// DeletionDelete deletes whatever spec.prune says.
	DeletionDelete DeletionPolicy = "Delete"
	// DeletionWaitForTermination is [DeletionDelete]: every deletion is waited for here.
	DeletionWaitForTermination DeletionPolicy = "WaitForTermination"
	// DeletionOrphan leaves plain objects behind, as nobody's.
	DeletionOrphan DeletionPolicy = "Orphan"
)

// Orphans reports whether plain objects stay when the placement leaves a cluster.
// prune is what spec.prune says. The zero value is [DeletionMirrorPrune].
func (d DeletionPolicy) Orphans(prune bool) bool {
	switch d {
	case DeletionOrphan:
		return true
	case DeletionDelete, DeletionWaitForTermination:
		return false
	}
	return !prune
}

func (p *problems) checkDeletion(policy DeletionPolicy) {
	words := []string{string(DeletionMirrorPrune), string(DeletionDelete), string(DeletionWaitForTermination),
		string(DeletionOrphan)}
	for _, word := range words {
		if policy == "" || string(policy) == word {
			return
		}
	}
	p.add("spec.deletionPolicy", "%q is none of %s", clip(string(policy)), strings.Join(words, ", "))
}
