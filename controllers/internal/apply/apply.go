package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/fluxcd/pkg/ssa"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// ConflictError says that an object lives that somebody else made.
type ConflictError struct {
	ID ID
}

func (e *ConflictError) Error() string {
	return Describe(e.ID) + " exists and is not bulla's: it was left untouched; delete it, or take it out of Git"
}

// ImmutableError says that a live Secret cannot become what Git has.
type ImmutableError struct {
	ID ID
}

func (e *ImmutableError) Error() string {
	return fmt.Sprintf("%s is immutable or of another type: rename it, or set the annotation %s: enabled in its template to have it deleted and made anew",
		Describe(e.ID), v1alpha1.ForceAnnotation)
}

// ScopeError says that a kind is cluster-scoped here and was built as namespaced,
// or the other way round. A build knows Kubernetes' own kinds and what the tree
// says of others; the API server would drop a namespace without a word, and so
// carry an object past the placement's allow list.
type ScopeError struct {
	ID ID
	// Namespaced is what the kind is on this cluster.
	Namespaced bool
}

func (e *ScopeError) Error() string {
	kind := groupKind(e.ID).String()
	if e.Namespaced {
		return fmt.Sprintf("%s: the kind is namespaced here; take %q out of the placement's allow.clusterResources", Describe(e.ID), kind)
	}
	return fmt.Sprintf("%s: the kind is cluster-scoped here; the placement needs %q in allow.clusterResources", Describe(e.ID), kind)
}

// Client applies and removes the objects of one placement. It is for one pass.
type Client struct {
	Owner Owner
	// Reader reads from the API server itself, with the controller's own
	// rights. It is never a cache: a cache of Secrets would keep their data.
	Reader client.Reader
	// Writer writes, as the placement's service account if it has one.
	Writer client.Client
	// Key is the cluster's key for [inventory.MAC].
	Key []byte
}

// Apply makes o so and returns its entry. With an object that it may not touch
// it returns a [ConflictError] and writes nothing. Errors about sealed objects
// are masked.
func (c *Client) Apply(ctx context.Context, o Object, entry v1alpha1.InventoryEntry, values map[string]string) (v1alpha1.InventoryEntry, error) {
	ctx = silent(ctx, o)
	if err := c.checkScope(o.ID, o.Manifest.GroupVersionKind()); err != nil {
		return entry, c.explain(o, "apply", err)
	}
	live, err := c.metadata(ctx, o.ID, o.Manifest.GroupVersionKind())
	if err != nil {
		return entry, c.explain(o, "read", err)
	}
	if live != nil && !c.owns(live, entry) {
		return entry, &ConflictError{ID: o.ID}
	}
	// Without force an object that somebody made since the look above is a
	// conflict of fields, not a takeover.
	options := []client.ApplyOption{client.FieldOwner(FieldManager)}
	if live != nil {
		options = append(options, client.ForceOwnership)
	}
	if o.Sealed() {
		entry, err = c.applySecret(ctx, o, values, live, options)
	} else {
		entry, err = c.applyPlain(ctx, o, options)
	}
	if live == nil && apierrors.IsConflict(err) {
		return entry, &ConflictError{ID: o.ID}
	}
	return entry, err
}

func (c *Client) applyPlain(ctx context.Context, o Object, options []client.ApplyOption) (v1alpha1.InventoryEntry, error) {
	sent := o.Manifest.DeepCopy()
	if err := c.Writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(sent), options...); err != nil {
		return v1alpha1.InventoryEntry{}, c.explain(o, "apply", err)
	}
	return v1alpha1.InventoryEntry{
		ID: inventory.Format(o.ID), Version: o.Manifest.GroupVersionKind().Version,
		UID: string(sent.GetUID()), Applied: o.Hash,
		Generation: sent.GetGeneration(), ResourceVersion: sent.GetResourceVersion(),
	}, nil
}

func (c *Client) applySecret(ctx context.Context, o Object, values map[string]string, live *metav1.PartialObjectMetadata, options []client.ApplyOption) (v1alpha1.InventoryEntry, error) {
	secret, err := BuildSecret(o, values)
	if err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	err = c.Writer.Apply(ctx, secret, options...)
	if apierrors.IsInvalid(err) && live != nil {
		if err = c.replace(ctx, o, live, err); err == nil {
			if secret, err = BuildSecret(o, values); err == nil {
				err = c.Writer.Apply(ctx, secret, options...)
			}
		}
	}
	if err != nil {
		return v1alpha1.InventoryEntry{}, c.explain(o, "apply", err)
	}
	entry := v1alpha1.InventoryEntry{
		ID: inventory.Format(o.ID), Version: "v1", UID: string(*secret.UID),
		Applied: o.Hash, ResourceVersion: *secret.ResourceVersion,
		Stub: o.StubDigest(), Content: o.Content,
	}
	entry.MAC = c.mac(o, entry.UID, secretType(secret), secret.Data)
	return entry, nil
}

// replace deletes a live Secret that cannot change in place, if its template
// asks for it. refused is given back when immutability is not the cause.
func (c *Client) replace(ctx context.Context, o Object, live *metav1.PartialObjectMetadata, refused error) error {
	var secret corev1.Secret
	if err := c.Reader.Get(ctx, keyOf(o.ID), &secret); err != nil {
		return err
	}
	if (secret.Immutable == nil || !*secret.Immutable) && string(secret.Type) == templateType(o) {
		return refused
	}
	if o.Manifest.GetAnnotations()[v1alpha1.ForceAnnotation] != "enabled" {
		return &ImmutableError{ID: o.ID}
	}
	return c.delete(ctx, live, metav1.DeletePropagationBackground)
}

// Verdict is what a look at a live object found.
type Verdict int

// What [Client.Inspect] finds.
const (
	// Same: as applied; who else touched it touched nothing of ours.
	Same Verdict = iota
	// Drifted: ours, and changed.
	Drifted
	// Missing: it does not exist.
	Missing
)

// Seen is a live object's version when it was looked at.
type Seen struct {
	ResourceVersion string
	Generation      int64
}

// Inspect compares one live object with what was applied. It reads the object
// itself: a Secret's data are compared by HMAC, and of a plain object the API
// server is asked what an apply would change (a dry run).
func (c *Client) Inspect(ctx context.Context, o Object, entry v1alpha1.InventoryEntry) (Verdict, Seen, error) {
	if o.Sealed() {
		return c.inspectSecret(silent(ctx, o), o, entry)
	}
	live, err := c.metadata(ctx, o.ID, o.Manifest.GroupVersionKind())
	switch {
	case err != nil:
		return Drifted, Seen{}, c.explain(o, "read", err)
	case live == nil:
		return Missing, Seen{}, nil
	case !c.owns(live, entry):
		return Drifted, Seen{}, &ConflictError{ID: o.ID}
	}
	seen := Seen{ResourceVersion: live.ResourceVersion, Generation: live.Generation}
	manager := ssa.NewResourceManager(reading{c.Writer, c.Reader}, nil, ssa.Owner{Field: FieldManager, Group: v1alpha1.Group})
	change, _, _, err := manager.Diff(ctx, o.Manifest.DeepCopy(), ssa.DefaultDiffOptions())
	if err != nil {
		return Drifted, seen, c.explain(o, "compare", err)
	}
	if string(live.UID) != entry.UID || change.Action != ssa.UnchangedAction {
		return Drifted, seen, nil
	}
	return Same, seen, nil
}

func (c *Client) inspectSecret(ctx context.Context, o Object, entry v1alpha1.InventoryEntry) (Verdict, Seen, error) {
	var live corev1.Secret
	err := c.Reader.Get(ctx, keyOf(o.ID), &live)
	switch {
	case apierrors.IsNotFound(err):
		return Missing, Seen{}, nil
	case err != nil:
		return Drifted, Seen{}, MaskAPIError(o.ID, err)
	case !c.owns(&metav1.PartialObjectMetadata{ObjectMeta: live.ObjectMeta}, entry):
		return Drifted, Seen{}, &ConflictError{ID: o.ID}
	}
	seen := Seen{ResourceVersion: live.ResourceVersion}
	mac := c.mac(o, string(live.UID), string(live.Type), live.Data)
	if !inventory.SameMAC(mac, entry.MAC) || !MetadataStands(o, live.Labels, live.Annotations) {
		return Drifted, seen, nil
	}
	return Same, seen, nil
}

// MetadataStands reports whether every label and annotation of o lives.
func MetadataStands(o Object, labels, annotations map[string]string) bool {
	return within(o.Manifest.GetLabels(), labels) && within(o.Manifest.GetAnnotations(), annotations)
}

func within(part, whole map[string]string) bool {
	for key, value := range part {
		if live, ok := whole[key]; !ok || live != value {
			return false
		}
	}
	return true
}

// owns is the owner check: only an object that carries the fleet's owner label,
// or that this Delivery made (its uid stands in the inventory, and somebody took
// the label off), is ours. A label of another placement is ours to take: the
// revision's one map gave the object to this placement.
func (c *Client) owns(live *metav1.PartialObjectMetadata, entry v1alpha1.InventoryEntry) bool {
	labels := live.GetLabels()
	if labels[v1alpha1.OwnerLabel] != "" && labels[v1alpha1.FleetLabel] == c.Owner.Fleet {
		return true
	}
	return entry.UID != "" && string(live.UID) == entry.UID
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

// metadata reads an object's metadata; nil when it, or its kind, does not exist.
func (c *Client) metadata(ctx context.Context, id ID, gvk schema.GroupVersionKind) (*metav1.PartialObjectMetadata, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	err := c.Reader.Get(ctx, keyOf(id), live)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	live.SetGroupVersionKind(gvk)
	return live, nil
}

// explain words the error of one object. Nothing of an API server's text about
// a sealed object passes.
func (c *Client) explain(o Object, verb string, err error) error {
	var immutable *ImmutableError
	var value *ValueError
	var scope *ScopeError
	if errors.As(err, &immutable) || errors.As(err, &value) || errors.As(err, &scope) {
		return err
	}
	if o.Sealed() || o.ID.Kind == "Secret" {
		return MaskAPIError(o.ID, err, o.Keys...)
	}
	return fmt.Errorf("%s %s: %w", verb, Describe(o.ID), hinted(err))
}

func (c *Client) mac(o Object, uid, kind string, data map[string][]byte) string {
	return inventory.MAC(c.Key, inventory.Live{
		ID: o.ID, UID: uid, Content: o.Content, Type: kind, Data: data, Owned: o.Keys,
	})
}

// silent takes the logger out of a context that carries a sealed object to the
// API server: client-go logs whole bodies at level 8.
func silent(ctx context.Context, o Object) context.Context {
	if !o.Sealed() {
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
