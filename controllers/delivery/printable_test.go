package delivery

import (
	"errors"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	recording "k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/internal/say"
)

// A pusher names a file so that its error, in a condition or an event, rewrites the
// terminal of whoever runs kubectl.
func TestNoConditionOrEventDrivesATerminal(t *testing.T) {
	const name, shown = "a\x1b]0;all is well\x07\u202e.yaml", `a\u001b]0;all is well\u0007\u202e.yaml`
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	saved := &v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "bulla-system"}}
	events := recording.NewFakeRecorder(8)
	own := fake.NewClientBuilder().WithScheme(scheme).WithObjects(saved).WithStatusSubresource(saved).Build()
	if err := own.Get(t.Context(), client.ObjectKeyFromObject(saved), saved); err != nil {
		t.Fatal(err)
	}
	desk := record.Desk{Client: own, Reader: own, Events: say.Recorder{EventRecorder: events}}
	p := &ending{record: desk.Open(saved.DeepCopy()), again: new(loop.Again)}
	p.state(loop.Failed(loop.Stall, v1alpha1.ApplyFailedReason, errors.New("build "+name)))
	if err := p.record.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.record.Tell(t.Context(), nil)
	p.record.Event("Deleted", name)
	recorder := say.Recorder{EventRecorder: events}
	recorder.Eventf(saved, corev1.EventTypeNormal, "Any", "%s", name)
	recorder.AnnotatedEventf(saved, nil, corev1.EventTypeNormal, "Any", "%s", name)
	live := &v1alpha1.Delivery{}
	if err := own.Get(t.Context(), client.ObjectKeyFromObject(saved), live); err != nil {
		t.Fatal(err)
	}
	if got := conditions.GetMessage(live, meta.ReadyCondition); got != "build "+shown {
		t.Errorf("the condition says %q", got)
	}
	for range 4 {
		if got := <-events.Events; !strings.HasSuffix(got, shown) {
			t.Errorf("an event says %q", got)
		}
	}
}
