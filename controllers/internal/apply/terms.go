package apply

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// terms are what the API server holds an apply to.
type terms struct {
	// uid is of the very object that is meant; "" for one that is to be made. Nothing
	// is taken from other field managers then.
	uid types.UID
	// version of the object, if there is one; "" for any.
	version string
}

// noVersion is one that no object gets to: the last of them. An apply knows no
// precondition for absence. One of this version makes what is not there, and is a
// conflict with whatever is. Without it an apply is merged into what somebody else
// made, where the two have no field in common.
const noVersion = "9223372036854775807"

// foreseen are the terms of an apply without a look: by the inventory there can be
// nothing of the name, or the very version that was applied last. Kinds with a
// generation get new versions from whoever writes their status.
func (p *Puts) foreseen(o Object, entry v1alpha1.InventoryEntry) (terms, bool) {
	switch {
	case o.Ends() || o.takesOver() || !p.compares(o):
		return terms{}, false
	case entry.UID == "":
		return p.absent(o), true
	}
	return terms{uid: types.UID(entry.UID), version: entry.ResourceVersion},
		entry.Generation == 0 && entry.ResourceVersion != ""
}

// compares: the kind is Kubernetes' own, or ours. An aggregated API server may make
// nothing of versions, or refuse what is made with one.
func (p *Puts) compares(o Object) bool {
	return p.writer.Scheme().Recognizes(o.Manifest.GroupVersionKind())
}

// absent are the terms of what is to be made: nothing has its name.
func (p *Puts) absent(o Object) terms {
	if !p.compares(o) {
		return terms{}
	}
	return terms{version: noVersion}
}

// Straight is [Puts.Put] in one request, where the inventory says what must be there:
// the API server refuses it if anything else is, and then it is looked at.
func (p *Puts) Straight(ctx context.Context, o Object, entry v1alpha1.InventoryEntry,
	values map[string]string) (next v1alpha1.InventoryEntry, made bool, err error) {
	t, ok := p.foreseen(o, entry)
	if !ok || p.live.kinds.checkScope(o.ID, o.Manifest.GroupVersionKind()) != nil {
		return p.Put(ctx, o, entry, values)
	}
	next, err = p.send(silent(ctx, o), o, values, t)
	switch {
	case apierrors.IsConflict(err) || apierrors.IsInvalid(err) || apierrors.IsNotFound(err):
		// Whatever it is, the look says it: also to a server that makes nothing of a version.
		return p.Put(ctx, o, entry, values)
	case err != nil:
		return entry, false, explain(o, "apply", err)
	}
	return o.keeping(entry, next), t.uid == "", nil
}

func (t terms) bind(sent *unstructured.Unstructured) {
	sent.SetUID(t.uid)
	sent.SetResourceVersion(t.version)
}

func (t terms) bindSecret(sent *corev1ac.SecretApplyConfiguration) {
	if t.uid != "" {
		sent.WithUID(t.uid)
	}
	if t.version != "" {
		sent.WithResourceVersion(t.version)
	}
}
