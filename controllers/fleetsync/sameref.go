package fleetsync

import (
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/runtime/conditions"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// following says which commit the key service follows; *[keyservice.Client] does.
type following interface {
	Follows() (f keyservice.Follows, ok bool)
}

// compareRef says when the key service follows another commit than this FleetSync does:
// one would go on where the other stays, and what is new there is refused with a reason
// that speaks of Git. While the service says nothing, what was known stands.
func (r *Reconciler) compareRef(p *pass) {
	service, ok := r.Link.Current().(following)
	if !ok {
		return
	}
	theirs, ok := service.Follows()
	if !ok {
		return
	}
	ours := keyservice.Follows{Ref: refOf(p.obj), Tag: p.obj.Spec.Tag, SemVer: p.obj.Spec.SemVer}
	ours.Ref, theirs.Ref = strings.TrimPrefix(ours.Ref, "refs/heads/"), strings.TrimPrefix(theirs.Ref, "refs/heads/")
	if ours == theirs {
		conditions.Delete(p.obj, v1alpha1.RefDiffersCondition)
		return
	}
	message := fmt.Sprintf("the key service follows %s, and this FleetSync %s: what the service does not follow, it does "+
		"not unseal; hint: give spec.ref, spec.tag and spec.semver here the values of repository.ref, repository.tag and "+
		"repository.semver in keyservice.yaml, or change those", spellFollows(theirs), spellFollows(ours))
	if before := conditions.Get(p.obj, v1alpha1.RefDiffersCondition); before == nil || before.Message != message {
		r.warn(p.obj, v1alpha1.RefDiffersReason, message)
	}
	conditions.MarkTrue(p.obj, v1alpha1.RefDiffersCondition, v1alpha1.RefDiffersReason, "%s", message)
}

func spellFollows(f keyservice.Follows) string {
	switch {
	case f.Tag != "":
		return fmt.Sprintf("the tag %q of ref %q", f.Tag, f.Ref)
	case f.SemVer != "":
		return fmt.Sprintf("the tags %q (semver) of ref %q", f.SemVer, f.Ref)
	}
	return fmt.Sprintf("the newest commit of ref %q", f.Ref)
}
