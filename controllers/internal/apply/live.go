package apply

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// metadata reads an object's metadata; nil when it does not exist, or its kind
// does not. A 404 is not taken for absence: it also comes from a version that is
// no longer served, and then the object is looked for in one that is. What cannot
// be looked at is an [UnseenError].
func (l *Live) metadata(ctx context.Context, id ID, gvk schema.GroupVersionKind,
) (*metav1.PartialObjectMetadata, error) {
	live, err := l.get(ctx, id, gvk)
	if !notServed(err) {
		return live, ignoreAbsent(err)
	}
	versions, err := l.kinds.served(gvk.GroupKind())
	if err != nil {
		return nil, &UnseenError{ID: id, Why: err.Error()}
	}
	for _, version := range versions {
		live, err = l.get(ctx, id, gvk.GroupKind().WithVersion(version))
		if !notServed(err) {
			return live, ignoreAbsent(err)
		}
	}
	if why := l.kinds.whyUnseen(ctx, gvk.GroupKind()); why != "" {
		return nil, &UnseenError{ID: id, Why: why}
	}
	return nil, nil
}

func (l *Live) get(ctx context.Context, id ID, gvk schema.GroupVersionKind) (*metav1.PartialObjectMetadata, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	if err := l.reader.Get(ctx, keyOf(id), live); err != nil {
		return nil, err
	}
	live.SetGroupVersionKind(gvk)
	return live, nil
}

func ignoreAbsent(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// notServed: no answer about the object, because the API server has no such
// resource; nor has the mapper, which remembers what is gone and may not know
// what came.
func notServed(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && apierrors.HasStatusCause(err,
		metav1.CauseTypeUnexpectedServerResponse)
}
