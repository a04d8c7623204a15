package unseal

import (
	"context"
	"errors"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize"
)

// Unsealer gives the secret values of built objects. It is safe for concurrent
// use: calls of several Deliveries become one request to the key service.
type Unsealer interface {
	// Unseal gives, for each of objects, its values by RFC 6901 pointer (base64
	// under /data, as in a Secret). They are built objects, because a lock is bound to the built
	// object. Kept answers come first: an object whose content digest was
	// opened here before asks nobody, and nor does a stub whose locks alone
	// changed. The answer is complete or there is none; failures are
	// *[loop.Error].
	Unseal(ctx context.Context, delivery string, snapshot *view.Snapshot, objects []Sealed) (map[ObjectID]map[string]string, error)
	// Kept gives the values of those of objects that were opened here before, and
	// asks nobody. It is for what stood: the others are left out.
	Kept(ctx context.Context, delivery string, snapshot *view.Snapshot, objects []Sealed) (map[ObjectID]map[string]string, error)
	// Carry keeps, for references among wanted whose answers are kept, what of their
	// stubs those open, where stood gives the same values as stubs in Git: once they left
	// Git nobody but the key service has them. It asks nobody, and stood only where
	// something lacks.
	Carry(ctx context.Context, delivery string, snapshot *view.Snapshot, wanted []Sealed,
		stood func() ([]Sealed, error)) error
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

// failure is why values could not be had. Its reason is one of
// KeyServiceUnavailableReason, UnsealDeniedReason, DeniedReason, UnsealFailedReason,
// AuditLogMismatchReason and NotInFleetReason of api/v1alpha1, or FailedReason of
// fluxcd/pkg/apis/meta when our own API server is the trouble. The same request may
// succeed later without a change in Git where that is an unavailable service, an API
// server in trouble, or a log that does not agree. It names stubs and codes, never
// values.
func failure(reason, message string, err error) *loop.Error {
	intent := loop.Stall
	switch reason {
	case v1alpha1.KeyServiceUnavailableReason, meta.FailedReason, v1alpha1.AuditLogMismatchReason:
		intent = loop.Retry
	}
	return &loop.Error{Intent: intent, Reason: reason, Message: message, After: client.RetryAfter(err), Err: err}
}

// stale is a failure at another head than ours: fetch and retry.
func stale(reason, message string, err error) *loop.Error {
	failed := failure(reason, message, err)
	failed.Intent, failed.Stale = loop.Retry, true
	return failed
}

// IsStale says whether err asks for a fetch and a retry.
func IsStale(err error) bool {
	var failed *loop.Error
	return errors.As(err, &failed) && failed.Stale
}
