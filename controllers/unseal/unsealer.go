package unseal

import (
	"context"
	"errors"
	"fmt"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
)

// Unsealer gives the secret values of built objects. It is safe for concurrent
// use: calls of several Deliveries become one request to the key service.
type Unsealer interface {
	// Unseal gives, for each of objects, its values by RFC 6901 pointer (base64
	// under /data, as in a Secret). They are built objects, because a lock is bound to the built
	// identity. Kept answers come first: an object whose content digest was
	// opened here before asks nobody, and nor does a stub whose locks alone
	// changed. The answer is complete or there is none; failures are
	// *[UnsealError].
	Unseal(ctx context.Context, delivery string, snapshot *view.Snapshot, objects []Sealed) (map[ObjectID]map[string]string, error)
	// Kept gives the values of those of objects that were opened here before, and
	// asks nobody. It is for what stood: the others are left out.
	Kept(ctx context.Context, delivery string, snapshot *view.Snapshot, objects []Sealed) (map[ObjectID]map[string]string, error)
	// Forget drops the kept answers of a Delivery but for those of the content
	// digests in keep. Call it once the objects of the others are confirmed
	// absent or replaced; with keep empty nothing of the Delivery is kept.
	Forget(ctx context.Context, delivery string, keep []string) error
}

// Sealed is a built object that has a stub, with the content digest that whoever
// applies it reckoned: what is kept here and what stands there go by one number.
type Sealed struct {
	Object  kustomize.Object
	Content string
}

// UnsealError says why values could not be had. It names stubs and codes, never
// values.
type UnsealError struct {
	// Reason is one of KeyServiceUnavailableReason, UnsealDeniedReason,
	// DeniedReason, UnsealFailedReason, AuditLogMismatchReason and NotInFleetReason of
	// api/v1alpha1, or FailedReason
	// of fluxcd/pkg/apis/meta when our own API server is the trouble.
	Reason string
	// Message is for people.
	Message string
	// Stale says that the key service stands at another head: fetch and retry.
	// The FleetSync has been asked to look already.
	Stale bool
	// Err is the cause, for logs; it may be nil.
	Err error
}

func (e *UnsealError) Error() string { return fmt.Sprintf("unseal: %s", e.Message) }

// Unwrap gives the cause.
func (e *UnsealError) Unwrap() error { return e.Err }

// Retryable says whether the same request may succeed later without a change
// in Git: an unavailable service, a head that moved, an API server in trouble, a
// log that does not agree.
func (e *UnsealError) Retryable() bool {
	return e.Stale || e.Reason == v1alpha1.KeyServiceUnavailableReason || e.Reason == meta.FailedReason ||
		e.Reason == v1alpha1.AuditLogMismatchReason
}

// IsStale says whether err asks for a fetch and a retry.
func IsStale(err error) bool {
	var unseal *UnsealError
	return errors.As(err, &unseal) && unseal.Stale
}
