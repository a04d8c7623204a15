package delivery

import (
	"errors"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/kustomize"
)

// lose deletes live objects as a person would, and waits until what stood stands
// again.
func (w *deliveryWorld) lose(stood []kustomize.Object, lost map[string]client.Object) {
	w.t.Helper()
	next := w.git["shop"].objects
	w.git["shop"].objects = stood // what a pod template says is held against it
	defer func() { w.git["shop"].objects = next }()
	for name, o := range lost {
		o.SetNamespace(w.ns)
		o.SetName(name)
		w.must(w.client.Delete(w.t.Context(), o))
	}
	eventually(w.t, "what stood stands again", func() error {
		for _, o := range stood {
			if err := w.stands("shop", o); err != nil {
				return fmt.Errorf("%s: %w", o.ID(), err)
			}
		}
		return nil
	})
}

func TestWhatStoodIsHealedWhileWhatIsNewWaits(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	dropped := w.seal("dropped", map[string]string{"password": "gone"})
	stood := []kustomize.Object{
		w.seal("db", map[string]string{"password": "one"}), w.seal("other", map[string]string{"token": "stays"}),
		w.deployment("api", "db"), w.configMap("settings", "1"),
	}
	w.place("shop", append([]kustomize.Object{dropped}, stood...)...)
	w.commit()
	w.settled()
	w.unsealer.set(true)
	user := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "theirs"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Image: "c", EnvFrom: []corev1.EnvFromSource{{
			SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "dropped"}}}}}}}}
	w.must(w.client.Create(t.Context(), user)) // else it goes by itself

	// One value is new, one object is changed, one sealed object leaves.
	next := []kustomize.Object{w.seal("db", map[string]string{"password": "two"}), stood[1], stood[2], w.configMap("settings", "2")}
	w.place("shop", next...)
	w.commit()
	w.reason("shop", v1alpha1.KeyServiceUnavailableReason)
	w.must(w.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "dropped"}}))
	everything := func() map[string]client.Object {
		return map[string]client.Object{"db": &corev1.Secret{}, "api": &appsv1.Deployment{}, "settings": &corev1.ConfigMap{}}
	}
	w.lose(stood, everything())
	w.reason("shop", v1alpha1.KeyServiceUnavailableReason)
	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "dropped"}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("a sealed object that Git dropped came back: %v", err)
	}

	// A process that never applied the build which stood builds it again.
	stop()
	stop = w.run()
	w.lose(stood, everything())
	stop()
	w.run()

	w.git["shop"].err = errors.New("no such base")
	w.commit()
	w.reason("shop", "BuildFailed")
	w.lose(stood, everything())

	w.git["shop"].err = nil
	w.git["shop"].spec.DependsOn = []api.PlacementReference{{Name: "nobody"}}
	w.commit()
	w.reason("shop", "DependencyNotReady")
	w.lose(stood, everything())

	w.must(w.client.Delete(t.Context(), user))
	w.git["shop"].spec.DependsOn = nil
	w.unsealer.set(false)
	w.commit()
	w.settled()
}

func TestWhatAPlacementMayNoLongerPlaceIsNotHealed(t *testing.T) {
	placement := &api.Placement{Spec: api.PlacementSpec{
		Namespaces: []string{"shop"}, Allow: &api.PlacementAllow{ClusterResources: []string{"IngressClass.networking.k8s.io"}},
	}}
	for id, want := range map[ObjectID]bool{
		{Kind: "ConfigMap", Namespace: "shop", Name: "a"}:                    true,
		{Kind: "ConfigMap", Namespace: "before", Name: "a"}:                  false,
		{Kind: "Namespace", Name: "shop"}:                                    true,
		{Kind: "Namespace", Name: "before"}:                                  false,
		{Group: "networking.k8s.io", Kind: "IngressClass", Name: "a"}:        true,
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "a"}: false,
	} {
		if got := (&aim.Aim{Placed: &kustomize.Placed{Placement: placement}}).MayStand(id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
}
