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
	var live *metav1.PartialObjectMetadata
	found, err := l.look(ctx, id, gvk, func(gvk schema.GroupVersionKind) (err error) {
		live, err = l.get(ctx, id, gvk)
		return err
	})
	if !found {
		return nil, err
	}
	return live, nil
}

// look has get read an object in the version that it is known in, and where that is
// served no more, in those that are.
func (l *Live) look(ctx context.Context, id ID, gvk schema.GroupVersionKind,
	get func(schema.GroupVersionKind) error) (found bool, err error) {
	if err := get(gvk); !notServed(err) {
		return err == nil, ignoreAbsent(err)
	}
	versions, err := l.kinds.served(gvk.GroupKind())
	if err != nil {
		return false, &UnseenError{ID: id, Why: err.Error()}
	}
	for _, version := range versions {
		if err := get(gvk.GroupKind().WithVersion(version)); !notServed(err) {
			return err == nil, ignoreAbsent(err)
		}
	}
	if why := l.kinds.whyUnseen(ctx, gvk.GroupKind()); why != "" {
		return false, &UnseenError{ID: id, Why: why}
	}
	return false, nil
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
