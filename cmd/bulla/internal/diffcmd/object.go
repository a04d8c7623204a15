package diffcmd

import (
	"context"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/foretell"
	"github.com/bulla-dev/bulla/desk/built"
)

// object compares one.
func (d *differ) object(ctx context.Context, placement string, o foretell.Object) error {
	served, err := d.trial.Serves(o.Manifest.GroupVersionKind())
	switch {
	case err != nil:
		return err
	case !served:
		return d.made(placement, o, "the cluster has no such kind yet")
	case foretell.HoldsValue(o.ID, o.Content):
		return d.sealed(ctx, placement, o)
	}
	live, err := d.trial.Live(ctx, o.Manifest)
	if err != nil {
		return err
	}
	if owned := d.ours(placement, o.ID); live == nil && owned != nil && owned.Gone {
		return nil // it ran and ended: it is not made again
	}
	would := o.Manifest.DeepCopy()
	if live != nil {
		prove(would, live.GetAnnotations())
	}
	applied, err := d.trial.Applied(ctx, would, foretell.FieldManager)
	switch {
	case live == nil && apierrors.IsNotFound(err):
		return d.made(placement, o, "its namespace is not there yet")
	case live != nil && apierrors.IsInvalid(err):
		return d.refused(placement, o, live, err)
	case err != nil:
		return d.trial.Told(err, o.Manifest)
	case live == nil:
		return d.made(placement, o, "")
	}
	text, err := between(plain(live), plain(applied))
	if err == nil && text != "" {
		d.note(placement, o.ID, Changed, d.foreign(placement, o), text)
	}
	return err
}

// prove keeps the controller's proof of whose the object is: an apply without it would
// take it away, and the controller writes it with each.
func prove(o *unstructured.Unstructured, live map[string]string) {
	proof, ok := live[v1alpha1.OwnerAnnotation]
	if !ok {
		return
	}
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.OwnerAnnotation] = proof
	o.SetAnnotations(annotations)
}

// foreign says of what stands that no Delivery owns it.
func (d *differ) foreign(placement string, o foretell.Object) string {
	if d.ours(placement, o.ID) != nil || v1alpha1.Said(o.Manifest, v1alpha1.TakeOverAnnotation) == "true" {
		return ""
	}
	return "somebody else may have made it: then it is a conflict, unless it says " + v1alpha1.TakeOverAnnotation
}

// made is an object that is not there.
func (d *differ) made(placement string, o foretell.Object, why string) error {
	text, err := between(nil, masked(o))
	d.note(placement, o.ID, Created, why, text)
	return err
}

// refused is a change that the API server does not take in place. Its text is about a
// plain object, which stands in Git as it is.
func (d *differ) refused(placement string, o foretell.Object, live *unstructured.Unstructured, err error) error {
	text, wrong := between(plain(live), plain(o.Manifest))
	why := "the API server refuses it: " + strings.Join(strings.Fields(err.Error()), " ")
	if p := d.repo.Model.Placements[placement]; v1alpha1.MayReplace(o.Manifest, p.Spec.Force) {
		why = "it cannot change in place, and is deleted and made anew"
	}
	d.note(placement, o.ID, Changed, why, text)
	return wrong
}

// sealed compares by metadata: the content digest stands there, and no value does. Git may
// place a Secret without data, too, which others fill, as Kubernetes does with the token of
// a service account.
func (d *differ) sealed(ctx context.Context, placement string, o foretell.Object) error {
	live, err := d.trial.LiveMetadata(ctx, o.Manifest)
	if err != nil {
		return err
	}
	if live == nil {
		return d.made(placement, o, "")
	}
	was, now := o.Manifest.DeepCopy(), o.Manifest.DeepCopy()
	was.SetLabels(among(live.Labels, now.GetLabels()))
	was.SetAnnotations(among(live.Annotations, now.GetAnnotations()))
	text, err := between(head(was), head(now))
	if err != nil || text == "" {
		return err
	}
	why := d.foreign(placement, o)
	if live.Annotations[v1alpha1.ContentAnnotation] != o.Content {
		why = strings.TrimPrefix(why+"; other values", "; ")
	}
	d.note(placement, o.ID, Changed, why, text)
	return nil
}

// among are the entries of a live map whose keys the wanted one has too. What others wrote
// beside it stays.
func among(live, wanted map[string]string) map[string]string {
	var both map[string]string
	for key := range wanted {
		if value, ok := live[key]; ok {
			if both == nil {
				both = map[string]string{} // an empty one would be a line of the difference
			}
			both[key] = value
		}
	}
	return both
}

// head is what of a sealed object is compared.
func head(o *unstructured.Unstructured) map[string]any {
	return map[string]any{"apiVersion": o.GetAPIVersion(), "kind": o.GetKind(), "metadata": o.Object["metadata"]}
}

// masked is the object with words in the place of what is sealed.
func masked(o foretell.Object) map[string]any {
	object := o.Manifest.DeepCopy().Object
	if len(o.Sealed) == 0 {
		return object
	}
	data, _ := object["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for _, key := range o.Sealed {
		data[strings.TrimPrefix(key, "/data/")] = built.Masked
	}
	object["data"] = data
	return object
}

// plain is an object without what a server writes down for itself.
func plain(o *unstructured.Unstructured) map[string]any {
	object := o.DeepCopy().Object
	for _, field := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"} {
		unstructured.RemoveNestedField(object, "metadata", field)
	}
	unstructured.RemoveNestedField(object, "metadata", "annotations", v1alpha1.OwnerAnnotation)
	if rest, _, _ := unstructured.NestedMap(object, "metadata", "annotations"); len(rest) == 0 {
		unstructured.RemoveNestedField(object, "metadata", "annotations")
	}
	unstructured.RemoveNestedField(object, "status")
	return object
}

// between is a unified diff, "" for none.
func between(was, now map[string]any) (string, error) {
	old, err := lines(was)
	if err != nil {
		return "", err
	}
	fresh, err := lines(now)
	if err != nil {
		return "", err
	}
	return difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: old, B: fresh, Context: 3})
}

func lines(o map[string]any) ([]string, error) {
	if o == nil {
		return nil, nil
	}
	text, err := yaml.Marshal(o)
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")[:strings.Count(string(text), "\n")], err
}
