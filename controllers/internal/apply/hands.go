package apply

import (
	"context"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Hands are what a pass handles the objects of one placement with, a noun each. They
// are for one pass.
type Hands struct {
	Claims    *Claims
	Live      *Live
	Inspector *Inspector
	Puts      *Puts
	Deletes   *Deletes
}

// NewHands gives hands that claim what claims says. reader reads from the API server
// itself, with the controller's own rights, and is never a cache: a cache of Secrets
// would keep their data. writer writes, as the placement's service account if it has
// one. finder says which versions of a kind are served now; nil for nobody.
func NewHands(claims Claims, reader client.Reader, writer client.Client, finder discovery.DiscoveryInterface) *Hands {
	live := &Live{reader: reader, kinds: &Kinds{reader: reader, finder: finder}}
	if writer != nil {
		live.kinds.mapper = writer.RESTMapper()
	}
	return &Hands{
		Claims: &claims, Live: live,
		Inspector: &Inspector{claims: &claims, live: live, writer: writer},
		Puts:      &Puts{claims: &claims, live: live, writer: writer},
		Deletes:   &Deletes{claims: &claims, live: live, writer: writer},
	}
}

// Live reads what lives, as it is now.
type Live struct {
	reader client.Reader
	kinds  *Kinds
}

// Inspector compares what lives with what was applied.
type Inspector struct {
	claims *Claims
	live   *Live
	writer client.Client // asked for dry runs alone
}

// Puts makes objects stand.
type Puts struct {
	claims *Claims
	live   *Live
	writer client.Client
}

// Deletes takes objects away.
type Deletes struct {
	claims *Claims
	live   *Live
	writer client.Client
}

// silent takes the logger out of a context that carries a sealed object to the
// API server: client-go logs whole bodies at level 8.
func silent(ctx context.Context, o Object) context.Context {
	if !quotable(o.ID, o.Sealed()) {
		return ctx
	}
	return logr.NewContext(ctx, logr.Discard())
}

func keyOf(id ID) client.ObjectKey { return client.ObjectKey{Namespace: id.Namespace, Name: id.Name} }

// templateType is the Secret type that a template asks for.
func templateType(o Object) string {
	if kind, _, _ := unstructured.NestedString(o.Manifest.Object, "type"); kind != "" {
		return kind
	}
	return string(corev1.SecretTypeOpaque)
}

func secretType(secret *corev1ac.SecretApplyConfiguration) string {
	if secret.Type == nil {
		return string(corev1.SecretTypeOpaque)
	}
	return string(*secret.Type)
}

// reading is a client that reads with the controller's rights and writes with
// the placement's.
type reading struct {
	client.Client
	reader client.Reader
}

func (r reading) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	return r.reader.Get(ctx, key, o, options...)
}

// refOf names an object by kind for requests whose answer is not wanted. The
// client reads the answer, and knows no custom kinds.
func refOf(live *metav1.PartialObjectMetadata) *metav1.PartialObjectMetadata {
	ref := &metav1.PartialObjectMetadata{}
	ref.SetGroupVersionKind(live.GroupVersionKind())
	ref.SetNamespace(live.Namespace)
	ref.SetName(live.Name)
	return ref
}
