package unseal

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/controllers/internal/own"
)

// IdentitySecret is the Secret in the controller's namespace that holds the
// cluster's keys. Whoever deletes it makes this another cluster: its file in
// Git then no longer matches, and the controller stops with RecipientMismatch.
const IdentitySecret = "bulla-identity"

// Identities keeps the cluster's identity in its Secret. It is safe for
// concurrent use; the keys are made once, by the first call of Get.
type Identities struct {
	// Client must not cache Secrets: a cache would hold every Secret of the
	// namespace in memory for one of them.
	Client client.Client
	// Namespace is the controller's.
	Namespace string

	mu     sync.Mutex
	loaded *Identity
}

// Get gives the identity, making it when the Secret does not exist. A Secret
// that exists but cannot be read is an error and never overwritten: what stands
// in it may be the only key to this cluster's secrets.
func (s *Identities) Get(ctx context.Context) (*Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded != nil {
		return s.loaded, nil
	}
	identity, err := s.load(ctx)
	if apierrors.IsNotFound(err) {
		identity, err = s.create(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	s.loaded = identity
	return identity, nil
}

func (s *Identities) load(ctx context.Context) (*Identity, error) {
	secret := &corev1.Secret{}
	if err := s.Client.Get(mask.Silent(ctx), client.ObjectKey{Namespace: s.Namespace, Name: IdentitySecret}, secret); err != nil {
		return nil, err
	}
	identity, err := parseIdentity(secret.Data)
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", IdentitySecret, err)
	}
	return identity, nil
}

func (s *Identities) create(ctx context.Context) (*Identity, error) {
	identity, err := NewIdentity()
	if err != nil {
		return nil, err
	}
	secret, err := s.secret(identity)
	if err != nil {
		return nil, err
	}
	// Another replica may have been first: its keys stand.
	if err := s.Client.Create(mask.Silent(ctx), secret); apierrors.IsAlreadyExists(err) {
		return s.load(ctx)
	} else if err != nil {
		return nil, fmt.Errorf("create secret %q: %w", IdentitySecret, mask.Error(err))
	}
	return identity, nil
}

// Put stores an identity that enrolled or renewed. It comes before the
// certificate's first use, so that a killed controller does not lose a spent
// token's worth.
func (s *Identities) Put(ctx context.Context, identity *Identity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.secret(identity)
	if err != nil {
		return err
	}
	current := &corev1.Secret{}
	err = s.Client.Get(mask.Silent(ctx), client.ObjectKeyFromObject(next), current)
	switch {
	case apierrors.IsNotFound(err):
		err = s.Client.Create(mask.Silent(ctx), next)
	case err == nil:
		current.Data = next.Data
		err = s.Client.Update(mask.Silent(ctx), current)
	}
	if err != nil {
		return fmt.Errorf("write secret %q: %w", IdentitySecret, mask.Error(err))
	}
	s.loaded = identity
	return nil
}

func (s *Identities) secret(identity *Identity) (*corev1.Secret, error) {
	data, err := identity.data()
	if err != nil {
		return nil, err
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: IdentitySecret,
			Labels: map[string]string{own.ManagedByLabel: own.ManagedBy},
		},
		Type: corev1.SecretTypeOpaque,
		Data: data,
	}, nil
}
