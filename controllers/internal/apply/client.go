package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
)

// Client applies and removes the objects of one placement. It is for one pass.
type Client struct {
	Owner Owner
	// Reader reads from the API server itself, with the controller's own
	// rights. It is never a cache: a cache of Secrets would keep their data.
	Reader client.Reader
	// Writer writes, as the placement's service account if it has one.
	Writer client.Client
	// Finder says which versions of a kind are served now.
	Finder discovery.DiscoveryInterface
	// Key is the cluster's key, for [inventory.MAC] and [inventory.Claim].
	Key []byte
	// Delivery is the uid of the Delivery: it stands in the proof of an object
	// that is just being made.
	Delivery string
	// Readopt takes back what carries this placement's labels without a proof: an
	// operator said so, after the cluster's keys were made anew.
	Readopt bool

	// looking guards unseen: objects are sent side by side.
	looking sync.Mutex
	// unseen says of kinds that are not served why they may have objects.
	unseen map[schema.GroupKind]string
}

// checkScope holds an identity to what the kind is on this cluster. A kind that
// is not served is a NoMatch error.
func (c *Client) checkScope(id ID, gvk schema.GroupVersionKind) error {
	namespaced, err := apiutil.IsGVKNamespaced(gvk, c.Writer.RESTMapper())
	if err != nil {
		return err
	}
	if namespaced != (id.Namespace != "") {
		return &ScopeError{ID: id, Namespaced: namespaced}
	}
	return nil
}

// explain words the error of one object. Nothing of an API server's text about
// a sealed object passes.
func (c *Client) explain(o Object, verb string, err error) error {
	if spoken(err) {
		return err
	}
	if o.Sealed() || o.ID.Kind == "Secret" {
		return mask.APIError(o.ID, err, o.Keys...)
	}
	return refused(verb, o.ID, err)
}

// spoken are errors of this package, which say what they mean.
func spoken(err error) bool {
	return errors.As(err, new(*ImmutableError)) || errors.As(err, new(*ValueError)) || errors.As(err,
		new(*ScopeError)) ||
		errors.As(err, new(*ReplaceError)) || errors.As(err, new(*GoingError)) || errors.As(err, new(*ConflictError)) ||
		errors.As(err, new(*UnseenError)) || errors.As(err, new(*mask.MaskedError))
}

func (c *Client) mac(o Object, uid, kind string, data map[string][]byte) string {
	return inventory.MAC(c.Key, inventory.Live{
		ID: o.ID, UID: uid, Content: o.Content, Type: kind, Data: data, Owned: o.Keys,
	})
}

// silent takes the logger out of a context that carries a sealed object to the
// API server: client-go logs whole bodies at level 8.
func silent(ctx context.Context, o Object) context.Context {
	if !o.Sealed() && o.ID.Kind != "Secret" {
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

func refused(verb string, id ID, err error) error {
	return fmt.Errorf("%s %s: %w", verb, inventory.Describe(id), hinted(&plainError{err}))
}
