package apply

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/canonical"
	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// What became of a run; see [v1alpha1.InventoryRun].
const (
	RunComplete = "Complete"
	RunFailed   = "Failed"
	RunUnseen   = "Unseen"
)

// Ends reports whether an object ends by itself, so that its absence may be the
// end of its run and not somebody's deed.
func (o Object) Ends() bool { return o.Spec != "" }

// CleansUp reports whether the cluster takes the object away once it ended.
func (o Object) CleansUp() bool { return cleansUp(o.Manifest) }

// specOf hashes the spec of what ends by itself: that spec runs once.
func specOf(u *unstructured.Unstructured) (string, error) {
	if !ends(u) {
		return "", nil
	}
	return canonical.StatusDigest(u.Object["spec"])
}

func ends(u *unstructured.Unstructured) bool {
	gvk := u.GroupVersionKind()
	switch {
	case gvk.Group == "batch" && gvk.Kind == "Job":
		return true
	case gvk.Group == "" && gvk.Kind == "Pod":
		policy, _, _ := unstructured.NestedString(u.Object, "spec", "restartPolicy")
		return policy == string(corev1.RestartPolicyNever) || policy == string(corev1.RestartPolicyOnFailure)
	}
	return cleansUp(u)
}

// ttls are where kinds say that they are taken away when they have ended: Jobs and
// kinds like them, and workflows.
var ttls = [][]string{
	{"spec", "ttlSecondsAfterFinished"},
	{"spec", "runPolicy", "ttlSecondsAfterFinished"},
	{"spec", "ttlStrategy"},
}

func cleansUp(u *unstructured.Unstructured) bool {
	for _, path := range ttls {
		if _, ok, err := unstructured.NestedFieldNoCopy(u.Object, path...); ok && err == nil {
			return true
		}
	}
	return false
}

// run is what the inventory remembers of an object's run: of the same spec, what
// was known of it.
func (o Object) run(entry v1alpha1.InventoryEntry) *v1alpha1.InventoryRun {
	if !o.Ends() {
		return nil
	}
	if entry.Run != nil && entry.Run.Spec == o.Spec && !entry.Run.Gone {
		return entry.Run
	}
	return &v1alpha1.InventoryRun{Spec: o.Spec}
}

// Ran reports whether an object that does not stand ran to its end with the spec
// that Git has: it is not made again.
func (o Object) Ran(entry v1alpha1.InventoryEntry) bool {
	if !o.Ends() {
		return false
	}
	if entry.Run == nil { // applied before runs were remembered
		return entry.Applied == o.Hash && o.CleansUp()
	}
	return entry.Run.Spec == o.Spec && (entry.Run.Ended != "" || o.CleansUp())
}

// Gone is the entry of an object that ran, as [Object.Ran] has it, and does not stand.
func (o Object) Gone(entry v1alpha1.InventoryEntry) v1alpha1.InventoryEntry {
	run := v1alpha1.InventoryRun{Spec: o.Spec, Ended: RunUnseen, Gone: true}
	if entry.Run != nil && entry.Run.Ended != "" {
		run.Ended = entry.Run.Ended
	}
	entry.Run, entry.Applied = &run, o.Hash
	return entry
}

// Stands reports whether an object exists.
func (l *Live) Stands(ctx context.Context, o Object) (bool, error) {
	live, err := l.metadata(ctx, o.ID, o.Manifest.GroupVersionKind())
	if err != nil {
		return false, explain(o, "read", err)
	}
	return live != nil, nil
}
