package delivery

import (
	"context"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
)

// runner is an object that ends by itself, as Git has it.
func runner(t *testing.T, text string) apply.Object {
	t.Helper()
	w := &deliveryWorld{t: t, ns: "ns"}
	objects, err := apply.Prepare(apply.Owner{Fleet: "fleet", Placement: "shop"}, []kustomize.Object{w.object(text)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

const migration = `{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, namespace: %s},
	spec: {ttlSecondsAfterFinished: 60, template: {spec: {restartPolicy: Never, containers: [{name: m, image: m}]}}}}`

// TestARunThatPruningEndedIsMadeAgain: Git drops a Job and has it again before it is gone. Its
// absence is not the cluster's, which takes Jobs away that have ended.
func TestARunThatPruningEndedIsMadeAgain(t *testing.T) {
	o := runner(t, migration)
	claims := apply.Claims{Owner: apply.Owner{Fleet: "fleet", Placement: "shop"}, Key: []byte("key"), Delivery: "d"}
	live := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "migrate", UID: "u",
		Labels: claims.Owner.Labels(), Finalizers: []string{"example.com/waits"}}}
	server := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(live).Build()
	entry := v1alpha1.InventoryEntry{ID: inventory.Format(o.ID), Version: "v1", UID: "u", Applied: o.Hash,
		Run: &v1alpha1.InventoryRun{Spec: o.Spec}}
	p := &pruning{hands: apply.NewHands(claims, server, server, nil), now: time.Now,
		stand: &stand{inv: inventory.Inventory{o.ID: entry}}}
	if remaining, _, whole := p.removeStage(t.Context(), []ObjectID{o.ID}); remaining == "" || !whole {
		t.Fatalf("it does not go: %v", p.failed)
	}
	entry = p.stand.inv[o.ID]
	entry.Applied = "" // as when it came back and could not be looked at
	if o.Ran(entry) {
		t.Error("it counts as run to its end, and is never made again")
	}
}

// TestARunIsSeenToEndThoughAnotherCannotBeLookedAt: the server of one kind is away while a Job
// fails that the cluster takes away soon after.
func TestARunIsSeenToEndThoughAnotherCannotBeLookedAt(t *testing.T) {
	pod := runner(t, `{apiVersion: v1, kind: Pod, metadata: {name: check, namespace: %s},
		spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}`)
	job := runner(t, migration)
	live := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "migrate", UID: "u"},
		Status: batchv1.JobStatus{
			Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}}}
	server := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(live).WithInterceptorFuncs(
		interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			options ...client.GetOption) error {
			if o.GetObjectKind().GroupVersionKind().Kind == "Pod" {
				return apierrors.NewServiceUnavailable("away")
			}
			return c.Get(ctx, key, o, options...)
		}}).Build()
	entry := v1alpha1.InventoryEntry{Version: "v1", UID: "u", Applied: "sha256:1"}
	h := &health{aim: &aim.Aim{Objects: []apply.Object{pod, job}},
		hands: apply.NewHands(apply.Claims{}, server, server, nil),
		stand: &stand{inv: inventory.Inventory{pod.ID: entry, job.ID: entry}}}
	if err := h.runs(t.Context()); err == nil {
		t.Error("nobody is told of the kind that is away")
	}
	if run := h.stand.inv[job.ID].Run; run == nil || run.Ended != apply.RunFailed {
		t.Errorf("the end of the other is not remembered: %+v", run)
	}
}
