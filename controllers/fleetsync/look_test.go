package fleetsync

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/fluxcd/pkg/runtime/patch"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// TestAFleetSyncSaysWhenItLooksNext: after a push people wait, and want to know for
// what. spec.interval says it, but where a host asked for more; and one that is
// suspended looks never.
func TestAFleetSyncSaysWhenItLooksNext(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	obj := &v1alpha1.FleetSync{ObjectMeta: metav1.ObjectMeta{Name: "fleet", Namespace: "bulla-system"}}
	obj.Spec.Interval = metav1.Duration{Duration: 10 * time.Minute}
	own := fake.NewClientBuilder().WithScheme(scheme).WithObjects(obj).WithStatusSubresource(obj).Build()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	r := New(Options{
		Client: own, Recorder: record.NewFakeRecorder(8), Snapshots: &view.Snapshots{}, Link: &unseal.Link{},
	})
	read := func() *v1alpha1.FleetSync {
		if err := own.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			t.Fatal(err)
		}
		return obj
	}
	ended := func(with error) time.Duration {
		t.Helper()
		p := &pass{obj: read(), now: now}
		result, err := r.finish(t.Context(), p, patch.NewSerialPatcher(obj, own), with)
		if err != nil {
			t.Fatal(err)
		}
		return result.RequeueAfter
	}
	busy := gitError(obj, &source.BusyError{Status: 429, After: 40 * time.Minute})
	after := ended(busy)
	want := now.Add(after).Truncate(time.Second)
	if got := read().Status.NextLook; got == nil || !got.Time.Equal(want) || want.Before(now.Add(40*time.Minute)) {
		t.Errorf("the next look is said to be at %v, and it is at %v", got, want)
	}
	after = ended(loop.Stalled(v1alpha1.ConflictReason, "another one"))
	if got := read().Status.NextLook; got != nil || after > 11*time.Minute {
		t.Errorf("it looks again after %s, at its interval, and says %v", after, got)
	}
	ended(busy)
	if err := r.suspended(t.Context(), read(), patch.NewSerialPatcher(obj, own)); err != nil {
		t.Fatal(err)
	}
	if got := read().Status.NextLook; got != nil {
		t.Errorf("suspended, it says that it looks at %v", got)
	}
}

// TestTheDefaultIntervalIsOneNumber: the API server writes its own default into
// every FleetSync that names none, and that is what counts.
func TestTheDefaultIntervalIsOneNumber(t *testing.T) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	data, err := os.ReadFile("../../charts/bulla-controller/files/crds/bulla.dev_fleetsyncs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, crd); err != nil {
		t.Fatal(err)
	}
	interval := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["interval"]
	if want := fmt.Sprintf("%q", defaultInterval); string(interval.Default.Raw) != want {
		t.Errorf("the definition's default is %s, the controller's %s", interval.Default.Raw, want)
	}
}

func TestTheLogKeyIsThatOfTheAcceptedHead(t *testing.T) {
	r := &New(Options{Snapshots: &view.Snapshots{}}).enrolment
	if key := r.logKey(); key != "" {
		t.Errorf("before a head is accepted: %q", key)
	}
	for _, key := range []string{"one", "two"} {
		r.Snapshots.Store(&view.Snapshot{Fleet: &api.Fleet{Spec: api.FleetSpec{LogKey: key}}})
		if got := r.logKey(); got != key {
			t.Errorf("key %q, want %q", got, key)
		}
	}
	if first, second := r.auditLog(), r.auditLog(); first != second {
		t.Error("connections do not share what was seen")
	}
}

// TestACertificateThatIsNotTrustedWaitsForAPerson: no try mends it.
func TestACertificateThatIsNotTrustedWaitsForAPerson(t *testing.T) {
	err := gitError(&v1alpha1.FleetSync{}, fmt.Errorf("look: %w", source.ErrCertificate))
	var step *loop.Error
	if !errors.As(err, &step) || step.Intent != loop.Stall {
		t.Errorf("%v does not stall", err)
	}
}
