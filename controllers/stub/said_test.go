package stub

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
)

// reads counts what the API server is asked for.
type reads struct {
	client.Reader
	count int
}

func (r *reads) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	r.count++
	return r.Reader.Get(ctx, key, o, options...)
}

// A new snapshot wakes every stub of a cluster: it costs a request only where one is
// to say something else, or was changed.
func TestAStubThatSaysWhatItShallIsNotRead(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	stub := &v1alpha1.SealedManifest{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db", UID: "1"}}
	all := fake.NewClientBuilder().WithScheme(scheme).WithObjects(stub).WithStatusSubresource(stub).Build()
	server, snapshots := &reads{Reader: all}, &view.Snapshots{}
	r := &Reconciler{Client: all, Reader: server, Namespace: "bulla", Snapshots: snapshots}
	look := func(when string, want int) {
		t.Helper()
		server.count = 0
		for range 3 {
			snapshots.Store(snapshot(nil))
			if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(stub)}); err != nil {
				t.Fatal(err)
			}
		}
		if server.count != want {
			t.Errorf("%s: three snapshots cost %d reads, want %d", when, server.count, want)
		}
		if err := all.Get(t.Context(), client.ObjectKeyFromObject(stub), stub); err != nil {
			t.Fatal(err)
		}
		if len(stub.Status.Conditions) != 1 || stub.Status.Conditions[0].Reason != v1alpha1.NotPlacedReason {
			t.Errorf("%s: it says %+v", when, stub.Status)
		}
	}
	look("at first", 1)
	look("known", 0)
	stub.Status.Conditions = nil
	if err := all.Status().Update(t.Context(), stub); err != nil {
		t.Fatal(err)
	}
	look("somebody took it out", 1)
}
