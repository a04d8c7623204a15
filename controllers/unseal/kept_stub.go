package unseal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/sealing/reference"
)

const (
	// StubLabel is on the Secrets that hold, beside the answer for a reference, what of
	// its stub the answer opens: in parts, since one Secret has not the room. It says
	// which stub that is. They have AnswersLabel too, and go with the answers.
	StubLabel = "bulla.dev/answers-stub"
	// stubField is the one key of such a Secret.
	stubField = "stub"
	// maxParts of a stub are more than the greatest one has.
	maxParts = api.MaxStoredStub/maxShard + 2
)

// stubKey names a kept stub, by what it is kept for. A label's value is too short for a
// digest.
func stubKey(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:16])
}

// partsOf cuts what is kept. The last part is shorter than the others: where it is
// missing, that is seen.
func partsOf(kept []byte) (parts [][]byte) {
	for len(kept) >= maxShard {
		parts, kept = append(parts, kept[:maxShard]), kept[maxShard:]
	}
	return append(parts, kept)
}

func (k *keptAnswers) partOf(delivery, key string, n int) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: k.namespace,
			Name:      AnswersSecretPrefix + delivery + "." + key + "." + strconv.Itoa(n),
			Labels: map[string]string{
				own.ManagedByLabel: own.ManagedBy, AnswersLabel: delivery, StubLabel: key,
			},
		},
		Type: corev1.SecretTypeOpaque,
	}
}

// keepStub writes what [reference.Keep] gave, before the answer that opens it. The bytes
// of one content digest are always the same: parts that are there are written over, and a
// stub of which some parts are missing, or are not its own, is none (see
// [reference.Reopen]).
func (k *keptAnswers) keepStub(ctx context.Context, delivery, content string, kept []byte) error {
	key := stubKey(content)
	k.shelves.addStub(delivery, key) // first: what is left half way is dropped one day
	for n, data := range partsOf(kept) {
		part := k.partOf(delivery, key, n)
		part.Data = map[string][]byte{stubField: data}
		err := k.client.Create(mask.Silent(ctx), part)
		if apierrors.IsAlreadyExists(err) {
			err = k.client.Update(mask.Silent(ctx), part)
		}
		if err != nil {
			return fmt.Errorf("write secret %q: %w", part.Name, mask.Error(err))
		}
	}
	return nil
}

// stub gives the kept stub of a reference; nil when none is kept, or not the whole of it.
func (k *keptAnswers) stub(ctx context.Context, delivery, fleet, content string, r *api.SealedReference) (
	*api.SealedManifest, error,
) {
	key := stubKey(content)
	if !k.shelves.hasStub(delivery, key) {
		return nil, nil
	}
	var kept []byte
	for n := range maxParts {
		part := k.partOf(delivery, key, n)
		if err := k.client.Get(mask.Silent(ctx), client.ObjectKeyFromObject(part), part); apierrors.IsNotFound(err) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("read secret %q: %w", part.Name, mask.Error(err))
		}
		kept = append(kept, part.Data[stubField]...)
		if len(part.Data[stubField]) < maxShard {
			break
		}
	}
	stub, err := reference.Reopen(fleet, r, kept)
	if err != nil {
		return nil, nil //nolint:nilerr // spoiled is as good as not kept
	}
	return stub, nil
}

// dropStubs deletes the kept stubs of a Delivery but for those of the content digests in
// keep.
func (k *keptAnswers) dropStubs(ctx context.Context, delivery string, keep []string) error {
	if !k.shelves.straysFrom(delivery, keep) {
		return nil
	}
	list, err := k.names(ctx, client.MatchingLabels{AnswersLabel: delivery}, client.HasLabels{StubLabel})
	if err != nil {
		return err
	}
	wanted := stubKeys(keep)
	for i := range list.Items {
		part := &list.Items[i]
		if wanted[part.Labels[StubLabel]] {
			continue
		}
		if err := k.drop(ctx, part); err != nil {
			return err
		}
	}
	k.shelves.keepStubs(delivery, wanted)
	return nil
}

// dropAll deletes all that is kept of a Delivery, and what somebody brought back from a
// backup of it.
func (k *keptAnswers) dropAll(ctx context.Context, delivery string) error {
	list, err := k.names(ctx, client.MatchingLabels{AnswersLabel: delivery})
	if err != nil {
		return err
	}
	k.shelves.doubt(delivery)
	for i := range list.Items {
		if err := k.drop(ctx, &list.Items[i]); err != nil {
			return err
		}
	}
	k.shelves.forget(delivery)
	return nil
}

func (k *keptAnswers) names(ctx context.Context, of ...client.ListOption) (*metav1.PartialObjectMetadataList, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := k.client.List(ctx, list, append(of, client.InNamespace(k.namespace))...); err != nil {
		return nil, fmt.Errorf("list the names of kept answers: %w", err)
	}
	return list, nil
}

func (k *keptAnswers) drop(ctx context.Context, kept *metav1.PartialObjectMetadata) error {
	kept.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	if err := k.client.Delete(ctx, kept, client.Preconditions{UID: &kept.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete secret %q: %w", kept.Name, err)
	}
	return nil
}

func stubKeys(contents []string) map[string]bool {
	keys := make(map[string]bool, len(contents))
	for _, content := range contents {
		keys[stubKey(content)] = true
	}
	return keys
}
