package report

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// UnreportedSecret is the Secret in the controller's namespace that keeps, while
// the key service does not answer, which secrets were confirmed absent: their
// Deliveries are gone, and nothing else remembers them over a restart. It holds
// names and digests, no values.
const UnreportedSecret = "bulla-unreported"

const unreportedKey = "secrets"

// maxUnreported bounds what is kept, below what a Secret holds.
const maxUnreported = 2000

// save keeps what could not be reported, or forgets it once it was.
func (r *Reporter) save(ctx context.Context, failing bool) error {
	pending := r.Book.pending()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: r.Namespace, Name: UnreportedSecret, Labels: map[string]string{own.ManagedByLabel: own.ManagedBy}}}
	if len(pending) == 0 {
		if r.saved == "" {
			return nil
		}
		if err := r.Client.Delete(ctx, secret); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete secret %q: %w", UnreportedSecret, err)
		}
		r.saved = ""
		return nil
	}
	pending = pending[:min(len(pending), maxUnreported)]
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(&keyservicev1.ReportRequest{Secrets: pending})
	if err != nil {
		return fmt.Errorf("write secret %q: %w", UnreportedSecret, err)
	}
	if !failing || r.saved == string(data) {
		return nil
	}
	secret.Data = map[string][]byte{unreportedKey: data}
	err = r.Client.Create(ctx, secret, client.FieldOwner(own.FieldManager))
	if apierrors.IsAlreadyExists(err) {
		err = r.Client.Update(ctx, secret, client.FieldOwner(own.FieldManager))
	}
	if err != nil {
		return fmt.Errorf("write secret %q: %w", UnreportedSecret, err)
	}
	r.saved = string(data)
	return nil
}

// recall reads what was not reported before a restart. What stands again is not
// gone: a Delivery says so.
func (r *Reporter) recall(ctx context.Context) error {
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: UnreportedSecret}, secret)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read secret %q: %w", UnreportedSecret, err)
	}
	r.saved = string(secret.Data[unreportedKey])
	kept := &keyservicev1.ReportRequest{}
	if r.saved == "" || proto.Unmarshal(secret.Data[unreportedKey], kept) != nil {
		return errUnreported
	}
	r.Book.Absent(kept.GetSecrets()...)
	return nil
}
