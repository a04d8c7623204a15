package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/controllers/internal/beside"
	"github.com/bulla-dev/bulla/kustomize"
)

// flux applies objects as kustomize-controller does: by its own library, under its
// field manager, with drift detection. It reports what it changed.
func (w *deliveryWorld) flux(objects ...kustomize.Object) map[string]ssa.Action {
	w.t.Helper()
	var all []*unstructured.Unstructured
	for _, o := range objects {
		all = append(all, o.DeepCopy())
	}
	w.must(normalize.UnstructuredList(all))
	manager := ssa.NewResourceManager(w.client, nil,
		ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"})
	changes, err := manager.ApplyAllStaged(w.t.Context(), all, ssa.DefaultApplyOptions())
	w.must(err)
	actions := map[string]ssa.Action{}
	for _, entry := range changes.Entries {
		actions[entry.ObjMetadata.Name] = entry.Action
	}
	return actions
}

// restarting has a stub ask for restarts.
func restarting(o kustomize.Object) kustomize.Object {
	o.Stub.Manifest.Spec.Restart = true
	return o
}

// refusals are what an API server makes of what is noted on one workload: it refuses all
// of it, from arming until a Secret is written.
type refusals struct {
	workload, secret string
	armed            atomic.Bool
	count            atomic.Int64
}

// refusing is such an API server.
type refusing struct {
	client.Client
	*refusals
}

func (r refusing) Patch(ctx context.Context, o client.Object, p client.Patch, options ...client.PatchOption) error {
	var all client.PatchOptions
	all.ApplyOptions(options)
	if all.FieldManager == beside.FieldManager && o.GetName() == r.workload && r.armed.Load() {
		r.count.Add(1)
		return errFault
	}
	return r.Client.Patch(ctx, o, p, options...)
}

func (r refusing) Apply(ctx context.Context, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	if secret, ok := o.(*corev1ac.SecretApplyConfiguration); ok && *secret.Name == r.secret {
		r.armed.Store(false)
	}
	return r.Client.Apply(ctx, o, options...)
}

// TestAWorkloadThatFluxPlacedIsRestartedOnce at a changed value where the stub asks for
// it, and is a user of the Secret in any case.
func TestAWorkloadThatFluxPlacedIsRestartedOnce(t *testing.T) {
	w := newDeliveryWorld(t)
	refuse := &refusals{workload: "later", secret: "db"}
	w.wrap = func(c client.Client) client.Client { return refusing{c, refuse} }
	stop := w.run()
	web, idle, calm := w.deployment("api", "db"), w.deployment("idle", "elsewhere"), w.deployment("calm", "quiet")
	w.flux(web, idle, calm)
	quiet := w.seal("quiet", map[string]string{"a": "b"})
	rotate := func(more ...kustomize.Object) {
		t.Helper()
		w.place("shop", append(more, restarting(w.seal("db", map[string]string{"a": "b"})))...)
		w.commit()
		w.settled()
	}
	rollouts := func(want map[string]int) {
		t.Helper()
		rolled := func() error {
			for name, n := range want {
				if got := w.rollouts(name); got != n {
					return fmt.Errorf("%s rolled out %d times, want %d", name, got, n)
				}
			}
			return nil
		}
		eventually(t, fmt.Sprintf("rollouts %v", want), rolled)
		w.quiet()
		if err := rolled(); err != nil {
			t.Errorf("once all is quiet: %v", err)
		}
	}
	heard := func() {
		t.Helper()
		eventually(t, "the ledger hears of the users", func() error {
			if says := strings.Join(w.ledger.says(), "; "); says != "db: InUse Deployment/api; quiet: InUse Deployment/calm" {
				return errors.New(says)
			}
			return nil
		})
	}
	rotate(quiet)
	heard()
	rollouts(map[string]int{"api": 1, "idle": 1, "calm": 1})

	// Both change, and one asks for it.
	rotate(w.seal("quiet", map[string]string{"a": "b"}))
	rollouts(map[string]int{"api": 2, "idle": 1, "calm": 1})
	heard()
	if got := w.fields(t, "api", beside.FieldManager); !strings.Contains(got, "content-db") ||
		strings.Contains(got, "replicas") {
		t.Errorf("the restart owns %s", got)
	}

	// Flux applies what it has in Git: nothing of it drifted.
	if actions := w.flux(web); actions["api"] != ssa.UnchangedAction {
		t.Errorf("Flux found a drift: %v", actions)
	}
	stop()
	stop = w.run()
	w.settled()
	rollouts(map[string]int{"api": 2, "idle": 1, "calm": 1})

	// One that came a moment before the rotation runs for the values of before.
	w.flux(w.deployment("late", "db"))
	rollouts(map[string]int{"late": 1}) // or the restart is in its first template
	rotate(quiet)
	rollouts(map[string]int{"api": 3, "late": 2, "idle": 1, "calm": 1})

	// The same, and what is noted before the rotation is refused: it is made up for.
	refuse.armed.Store(true) // before it comes: no look is to note it
	w.flux(w.deployment("later", "db"))
	rollouts(map[string]int{"later": 1})
	rotate(quiet)
	if refuse.armed.Load() || refuse.count.Load() == 0 {
		t.Errorf("%d notes were refused before the rotation's write", refuse.count.Load())
	}
	rollouts(map[string]int{"api": 4, "late": 3, "later": 2, "idle": 1, "calm": 1})

	// Git drops the Secret: it stays while Flux's pods name it, and no longer.
	w.maxShare = 100
	w.place("shop", quiet)
	w.commit()
	w.says("shop", "which Git dropped", "waits for Pod "+w.ns+"/")
	for _, name := range []string{"api", "late", "later"} {
		gone := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name}}
		w.must(w.client.Delete(t.Context(), gone, client.PropagationPolicy(metav1.DeletePropagationForeground)))
	}
	w.settled()
	if w.exists(&corev1.Secret{}, "db") {
		t.Error("the Secret stands")
	}
	stop()
}

// TestAMissedRestartIsRememberedOverARestart of the controller: what could not be told
// before its values changed is no new workload to the next process.
func TestAMissedRestartIsRememberedOverARestart(t *testing.T) {
	w := newDeliveryWorld(t)
	refuse := &refusals{workload: "api", secret: "none"}
	refuse.armed.Store(true)
	w.wrap = func(c client.Client) client.Client { return refusing{c, refuse} }
	stop := w.run()
	w.flux(w.deployment("api", "db"))
	rotate := func() {
		t.Helper()
		w.place("shop", restarting(w.seal("db", map[string]string{"a": "b"})))
		w.commit()
		w.settled()
	}
	remembered := func() string {
		for _, entry := range w.delivery("shop").Status.Inventory {
			if entry.RunsFor != "" {
				return entry.RunsFor
			}
		}
		return ""
	}
	rotate()
	first := w.delivery("shop").Status.Inventory[0].Content
	rotate()
	rotate() // after two, the first is what the pods run for
	if got := remembered(); got != first || first == "" {
		t.Errorf("remembered is %q, want %q", got, first)
	}
	stop()
	refuse.armed.Store(false)
	stop = w.run()
	eventually(t, "it is restarted", func() error {
		if n := w.rollouts("api"); n != 2 {
			return fmt.Errorf("it rolled out %d times", n)
		}
		return nil
	})
	eventually(t, "nothing is owed", func() error {
		if got := remembered(); got != "" {
			return errors.New(got)
		}
		return nil
	})
	w.quiet()
	if n := w.rollouts("api"); n != 2 {
		t.Errorf("it rolled out %d times, want 2", n)
	}
	stop()
}

// TestARestartThatIsPutBackIsNotDoneAgain: who has the live object in Git, with what the
// controller wrote on it, would otherwise roll it at every look.
func TestARestartThatIsPutBackIsNotDoneAgain(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.flux(w.deployment("api", "db"))
	place := func() {
		t.Helper()
		shop := w.place("shop", restarting(w.seal("db", map[string]string{"a": "b"})))
		shop.spec.Interval = &api.Duration{Duration: time.Second}
		w.commit()
		w.settled()
	}
	place()
	annotation := func() string {
		live := &appsv1.Deployment{}
		w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "api"}, live))
		return live.Annotations["bulla.dev/content-db"]
	}
	eventually(t, "it is noted for which values it runs", func() error {
		if annotation() == "" {
			return errors.New("it is not")
		}
		return nil
	})
	before := annotation()
	place()
	eventually(t, "it is restarted", func() error {
		if annotation() == before {
			return errors.New("it is not")
		}
		return nil
	})
	live := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "api"}}
	w.must(w.client.Patch(t.Context(), live, client.RawPatch(types.MergePatchType, []byte(
		`{"metadata":{"annotations":{"bulla.dev/content-db":"`+before+`"}}}`)), client.FieldOwner("kustomize-controller")))
	w.says("shop", "was restarted for", "put back since", "hint: take bulla.dev/content-db out of its manifest")
	if annotation() != before {
		t.Error("it was restarted again")
	}
	if !ready(w.delivery("shop")) {
		t.Error("a workload of somebody else holds what depends on this placement")
	}
}

// rollouts are the ReplicaSets that a Deployment had: one for each template. Its
// generation moves with its annotations too.
func (w *deliveryWorld) rollouts(name string) int {
	w.t.Helper()
	sets := &appsv1.ReplicaSetList{}
	w.must(w.client.List(w.t.Context(), sets, client.InNamespace(w.ns), client.MatchingLabels{"app": name}))
	return len(sets.Items)
}

// fields is what a field manager owns of a Deployment.
func (w *deliveryWorld) fields(t *testing.T, name, manager string) string {
	t.Helper()
	live := &appsv1.Deployment{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, live))
	for _, entry := range live.ManagedFields {
		if entry.Manager == manager {
			return entry.FieldsV1.GetRawString()
		}
	}
	return ""
}
