package unseal

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/own"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

const (
	// AuditLogSecret is the Secret in the controller's namespace that holds the
	// state of the key service's audit log that this cluster saw last. It is not
	// secret. Whoever deletes it, or brings back an older one, makes this cluster
	// believe a log that was rewritten since; nothing else follows from it.
	AuditLogSecret = "bulla-audit-log" //nolint:gosec // a name
	// checkpointKey is the key in it: a signed note.
	checkpointKey = "checkpoint"
)

// logMemory remembers the audit log's state in its Secret. It is safe for
// concurrent use. The Secret is read once, and again after a write that failed:
// that one may be there all the same.
type logMemory struct {
	client    client.Client // must not cache Secrets
	namespace string

	mu     sync.Mutex
	secret *corev1.Secret // as it stands; nil when that is not known
}

// NewLogMemory is what a cluster remembers of the audit log, in a Secret of a namespace.
func NewLogMemory(c client.Client, namespace string) *logMemory {
	return &logMemory{client: c, namespace: namespace}
}

var _ keyservice.Checkpoints = (*logMemory)(nil)

// Last implements [keyservice.Checkpoints].
func (m *logMemory) Last(ctx context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return nil, err
	}
	signed, ok := m.secret.Data[checkpointKey]
	if !ok && m.secret.ResourceVersion != "" {
		return []byte{}, nil // it was there: what it held is lost
	}
	return slices.Clone(signed), nil
}

// String says where it is kept.
func (m *logMemory) String() string { return "secret " + m.namespace + "/" + AuditLogSecret }

// Remember implements [keyservice.Checkpoints].
func (m *logMemory) Remember(ctx context.Context, signed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return err
	}
	next := m.secret.DeepCopy()
	next.Data = map[string][]byte{checkpointKey: slices.Clone(signed)}
	m.secret = nil
	var err error
	if next.ResourceVersion == "" {
		err = m.client.Create(ctx, next)
	} else {
		err = m.client.Update(ctx, next)
	}
	if err != nil {
		return memoryError("written", err)
	}
	m.secret = next
	return nil
}

func (m *logMemory) load(ctx context.Context) error {
	if m.secret != nil {
		return nil
	}
	secret := &corev1.Secret{}
	err := m.client.Get(ctx, client.ObjectKey{Namespace: m.namespace, Name: AuditLogSecret}, secret)
	if apierrors.IsNotFound(err) {
		secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: m.namespace, Name: AuditLogSecret,
				Labels: map[string]string{own.ManagedByLabel: own.ManagedBy},
			},
			Type: corev1.SecretTypeOpaque,
		}
	} else if err != nil {
		return memoryError("read", err)
	}
	m.secret = secret
	return nil
}

// memoryError is trouble of this cluster's own API server, and no word about the
// key service.
func memoryError(what string, err error) error {
	return failure(meta.FailedReason, fmt.Sprintf("secret %q cannot be %s", AuditLogSecret, what), err)
}
