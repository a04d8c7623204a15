package delivery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// closed is a window that opens in half a year, open one that is never closed.
func closed() []api.PlacementWindow {
	month := time.Now().AddDate(0, 6, 0).Month()
	return []api.PlacementWindow{{Schedule: fmt.Sprintf("0 0 1 %d *", month), Duration: api.Duration{Duration: time.Hour}}}
}

func open() []api.PlacementWindow {
	return []api.PlacementWindow{{Schedule: "* * * * *", Duration: api.Duration{Duration: time.Hour}}}
}

// gone waits until a live object is gone.
func (w *deliveryWorld) gone(o client.Object, name string) {
	w.t.Helper()
	eventually(w.t, name+" is gone", func() error {
		err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it stands: %w", err)
	})
}

// TestAWindowHoldsChangesAndNothingElse: what is new waits; what Git took away goes, and
// what stood is healed.
func TestAWindowHoldsChangesAndNothingElse(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	stood := []kustomize.Object{
		w.seal("db", map[string]string{"password": "one"}), w.deployment("api", "db"), w.configMap("settings", "1"),
		w.deployment("web", "db"),
	}
	w.place("shop", append([]kustomize.Object{w.seal("revoked", map[string]string{"token": "x"}),
		w.configMap("dropped", "1")}, stood...)...)
	w.commit()
	w.settled()

	w.place("shop", w.seal("db", map[string]string{"password": "two"}), stood[1], w.configMap("settings", "2"),
		w.deployment("web-next", "db")).spec.Windows = closed()
	revision := w.commit()
	d := w.reason("shop", v1alpha1.WaitingForWindowReason)
	message := conditions.GetMessage(d, meta.ReadyCondition)
	if !strings.HasPrefix(message, revision+" waits: the next window opens at ") {
		t.Errorf("the condition says %q", message)
	}
	w.gone(&corev1.Secret{}, "revoked")
	w.gone(&corev1.ConfigMap{}, "dropped")
	held := func() {
		t.Helper()
		w.lose(stood, map[string]client.Object{"db": &corev1.Secret{}, "api": &appsv1.Deployment{},
			"settings": &corev1.ConfigMap{}, "web": &appsv1.Deployment{}})
		w.gone(&appsv1.Deployment{}, "web-next")
		w.reason("shop", v1alpha1.WaitingForWindowReason)
	}
	held()
	stop()
	w.run()
	held()

	// What never stood here is a change too.
	w.place("late", w.configMap("late", "1")).spec.Windows = closed()
	w.commit()
	w.reason("late", v1alpha1.WaitingForWindowReason)
	w.gone(&corev1.ConfigMap{}, "late")

	w.git["shop"].spec.Windows, w.git["late"].spec.Windows = open(), open()
	w.commit()
	w.settled()
	w.gone(&appsv1.Deployment{}, "web")

	// A placement that leaves waits for no window.
	w.git["shop"].spec.Windows = closed()
	w.commit()
	delete(w.git, "shop")
	w.commit()
	w.settled()
	w.gone(&corev1.Secret{}, "db")
}
