package delivery

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/cluster"
)

// Whoever deletes bulla's definitions, or its namespace, orphans applications
// and harms none; what comes back takes them up where they stand.
func TestDeletedDefinitionsOrNamespaceHarmNoApplication(t *testing.T) {
	w := newDeliveryWorldOn(t, cluster.ForTestOwn(t))
	stop := w.run()
	w.place("shop", w.seal("db", map[string]string{"password": "one"}), w.deployment("api", "db"), w.configMap("settings", "x"))
	w.commit()
	w.settled()

	for _, test := range []struct {
		name    string
		object  client.Object
		restore func() // the controller's pod goes with its namespace, and not with the definition
	}{
		{
			"the definition of Deliveries",
			&apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "deliveries." + api.Group}},
			func() { w.installed.InstallCRDs(t) },
		},
		{
			"the controller's namespace",
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.system}},
			func() {
				stop()
				stop = w.run()
				w.must(w.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.system}}))
				w.must(w.release.Grant(t.Context())) // who puts the namespace back puts the chart back
			},
		},
	} {
		before := w.uids()
		w.must(w.client.Delete(t.Context(), test.object))
		eventually(t, test.name+" is gone", func() error {
			err := w.client.Get(t.Context(), client.ObjectKeyFromObject(test.object), test.object)
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(err, errors.New("still there"))
		})
		if diff := cmp.Diff(before, w.uids()); diff != "" {
			t.Errorf("%s is gone, and with it (-before +after):\n%s", test.name, diff)
		}
		test.restore()
		w.commit()
		w.settled()
		if diff := cmp.Diff(before, w.uids()); diff != "" {
			t.Errorf("%s came back, and the application is another one (-before +after):\n%s", test.name, diff)
		}
		// They are owned again: what Git drops goes.
		w.place("shop", w.git["shop"].objects[:2]...)
		w.commit()
		w.settled()
		w.place("shop", append(w.git["shop"].objects, w.configMap("settings", "x"))...)
		w.commit()
		w.settled()
	}
}

// uids are those of the objects of every placement.
func (w *deliveryWorld) uids() map[string]string {
	uids := map[string]string{}
	for id, version := range w.versions() {
		uids[id] = uidOf(version)
	}
	return uids
}
