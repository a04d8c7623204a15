package adoption

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// discovered serves ConfigMaps alone.
type discovered struct {
	discovery.DiscoveryInterface
}

func (discovered) ServerPreferredResources() ([]*metav1.APIResourceList, error) {
	return []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{
		{Name: "configmaps", Namespaced: true, Kind: "ConfigMap", Verbs: metav1.Verbs{"list", "delete"}},
	}}}, nil
}

// world counts looks: each is one list of ConfigMaps. The API server is a fake, since the
// finder's own memory is what is tried; the loop's tests have it on a real one.
type world struct {
	*testing.T
	client client.WithWatch
	finder *Finder
	looks  int
	broken error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{T: t}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, isLook := list.(*metav1.PartialObjectMetadataList); isLook {
				w.looks++
				if w.broken != nil {
					return w.broken
				}
			}
			return c.List(ctx, list, options...)
		},
	}).Build()
	w.finder = &Finder{Namespace: "system", Deliveries: w.client, Reader: w.client, Kinds: discovered{}}
	return w
}

func (w *world) delivery(name, uid string) *v1alpha1.Delivery {
	w.Helper()
	d := &v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: name, UID: types.UID(uid)}}
	if err := w.client.Create(w.Context(), d.DeepCopy()); err != nil {
		w.Fatal(err)
	}
	return d
}

func (w *world) gone(d *v1alpha1.Delivery) {
	w.Helper()
	if err := w.client.Delete(w.Context(), d); err != nil {
		w.Fatal(err)
	}
}

func hands(d *v1alpha1.Delivery) *apply.Hands {
	return apply.NewHands(apply.Claims{Owner: apply.Owner{Fleet: "fleet", Placement: d.Name}, Key: []byte("key"),
		Delivery: string(d.UID)}, nil, nil, nil)
}

// makes is a pass of a Delivery that makes an object, and proves it.
func (w *world) makes(d *v1alpha1.Delivery, name string) {
	w.Helper()
	id := inventory.ID{Kind: "ConfigMap", Namespace: "apps", Name: name}
	claim := inventory.Claim{Fleet: "fleet", Placement: d.Name, ID: id, UID: "of-" + name}
	o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: id.Namespace, Name: id.Name,
		UID: types.UID(claim.UID), Labels: apply.Owner{Fleet: "fleet", Placement: d.Name}.Labels(),
		Annotations: map[string]string{v1alpha1.OwnerAnnotation: claim.Proof([]byte("key"))}}}
	if err := w.client.Create(w.Context(), o); err != nil {
		w.Fatal(err)
	}
}

// adopts checks how many objects a Delivery finds, after how many looks in all.
func (w *world) adopts(d *v1alpha1.Delivery, objects, looks int) {
	w.Helper()
	found, err := w.finder.Adopt(w.Context(), d, hands(d))
	if err != nil {
		w.Fatal(err)
	}
	if len(found) != objects || w.looks != looks {
		w.Errorf("%s finds %d objects after %d looks, want %d after %d", d.Name, len(found), w.looks, objects, looks)
	}
}

func TestALookAnswersForNamesThatHadNoDelivery(t *testing.T) {
	w := newWorld(t)
	a, b := w.delivery("a", "a1"), w.delivery("b", "b1")
	w.makes(b, "lost")
	w.adopts(a, 0, 1)
	w.adopts(b, 1, 1)
	c := w.delivery("c", "c1")
	w.adopts(c, 0, 1)

	t.Log("what it made meanwhile is looked for when it comes again")
	w.makes(c, "made")
	w.gone(c)
	w.adopts(w.delivery("c", "c2"), 1, 2)

	t.Log("and so it is where it worked by an inventory of its own")
	d := w.delivery("d", "d1")
	w.finder.Works(d)
	w.makes(d, "told")
	w.gone(d)
	w.adopts(w.delivery("d", "d2"), 1, 3)
}

func TestALookThatSawNotAllAnswersForNoOtherName(t *testing.T) {
	w := newWorld(t)
	w.makes(&v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{Name: "b"}}, "lost")
	w.broken = errors.New("the server is away")
	w.adopts(w.delivery("a", "a1"), 0, 1)
	w.broken = nil
	w.adopts(w.delivery("b", "b1"), 1, 2)
}
