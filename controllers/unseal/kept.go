package unseal

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	// AnswersSecretPrefix starts the names of the Secrets with kept answers:
	// bulla-answers-DELIVERY, then bulla-answers-DELIVERY.1 and so on. A dot is
	// in no Delivery's name, so shards of one never meet those of another.
	AnswersSecretPrefix = "bulla-answers-"
	// AnswersLabel names the Delivery on those Secrets.
	AnswersLabel = "bulla.dev/answers"
	// maxShard is the most one of them holds, in bytes of keys and values: below
	// the API server's 1 MiB, with room for metadata.
	maxShard = 900 << 10
)

// keptAnswers stores age stanzas by Delivery and content digest. They are
// ciphertext to everybody but the cluster's age identity.
type keptAnswers struct {
	client    client.Client
	namespace string
	locks     sync.Map // Delivery → *sync.Mutex
	shelves   shelves
}

// lock holds one Delivery's answers; call what it returns to let go.
func (k *keptAnswers) lock(delivery string) (unlock func()) {
	mu, _ := k.locks.LoadOrStore(delivery, &sync.Mutex{})
	mu.(*sync.Mutex).Lock()
	return mu.(*sync.Mutex).Unlock
}

// shelf is the answers of one Delivery, over its shards.
type shelf struct {
	delivery string
	shards   []*shard // by name
}

type shard struct {
	secret corev1.Secret
	size   int
	dirty  bool
}

func (k *keptAnswers) load(ctx context.Context, delivery string) (*shelf, error) {
	if bare, err := k.shelves.bare(ctx, k, delivery); err != nil || bare {
		return &shelf{delivery: delivery}, err
	}
	list := &corev1.SecretList{}
	if err := k.client.List(mask.Silent(ctx), list, client.InNamespace(k.namespace), answersOf(delivery)); err != nil {
		return nil, fmt.Errorf("list kept answers: %w", err)
	}
	s := &shelf{delivery: delivery}
	for _, secret := range list.Items {
		one := &shard{secret: secret}
		for key, value := range secret.Data {
			one.size += len(key) + len(value)
		}
		s.shards = append(s.shards, one)
	}
	slices.SortFunc(s.shards, func(a, b *shard) int { return strings.Compare(a.secret.Name, b.secret.Name) })
	k.shelves.left(s)
	return s, nil
}

// answersOf selects the shards of a Delivery, and not the stubs beside them, which may
// have many megabytes.
func answersOf(delivery string) client.MatchingLabelsSelector {
	selector := labels.SelectorFromSet(labels.Set{AnswersLabel: delivery})
	noStub, err := labels.NewRequirement(StubLabel, selection.DoesNotExist, nil)
	if err != nil {
		panic("controllers: a constant is no label: " + err.Error())
	}
	return client.MatchingLabelsSelector{Selector: selector.Add(*noStub)}
}

// save writes the shards that changed and deletes those that are empty.
func (k *keptAnswers) save(ctx context.Context, s *shelf) error {
	err := k.write(ctx, s)
	if err != nil {
		k.shelves.doubt(s.delivery) // somebody else wrote, or nobody knows what was
		return err
	}
	k.shelves.left(s)
	return nil
}

func (k *keptAnswers) write(ctx context.Context, s *shelf) error {
	for _, one := range s.shards {
		var err error
		switch secret := &one.secret; {
		case !one.dirty:
		case secret.ResourceVersion == "" && len(secret.Data) > 0:
			secret.Namespace = k.namespace
			err = k.client.Create(mask.Silent(ctx), secret)
		case secret.ResourceVersion != "" && len(secret.Data) == 0:
			err = client.IgnoreNotFound(k.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID}))
		case secret.ResourceVersion != "":
			err = k.client.Update(mask.Silent(ctx), secret)
		}
		if err != nil {
			return fmt.Errorf("write secret %q: %w", one.secret.Name, mask.Error(err))
		}
		one.dirty = false
	}
	return nil
}

// keys are those of all answers on the shelf, sorted.
func (s *shelf) keys() []string {
	var keys []string
	for _, one := range s.shards {
		keys = slices.AppendSeq(keys, maps.Keys(one.secret.Data))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// get gives the stanzas of a stub's blocks, in order; nil when none are kept.
// What cannot be read counts as not kept.
func (s *shelf) get(digest string) []sealing.Stanza {
	for _, one := range s.shards {
		value, ok := one.secret.Data[answerKey(digest)]
		if !ok {
			continue
		}
		var stanzas []sealing.Stanza
		if json.Unmarshal(value, &stanzas) == nil {
			return stanzas
		}
	}
	return nil
}

// put keeps the stanzas, in the first shard with room.
func (s *shelf) put(digest string, stanzas []sealing.Stanza) {
	value, err := json.Marshal(stanzas)
	if err != nil {
		panic("controllers: a struct of strings does not marshal: " + err.Error())
	}
	key := answerKey(digest)
	for _, one := range s.shards {
		one.drop(key)
	}
	for _, one := range s.shards {
		if one.size+len(key)+len(value) <= maxShard {
			one.set(key, value)
			return
		}
	}
	s.add().set(key, value)
}

// add makes the next shard, under the first name that is free.
func (s *shelf) add() *shard {
	taken := map[string]bool{}
	for _, one := range s.shards {
		taken[one.secret.Name] = true
	}
	name := AnswersSecretPrefix + s.delivery
	for i := 1; taken[name]; i++ {
		name = AnswersSecretPrefix + s.delivery + "." + strconv.Itoa(i)
	}
	one := &shard{secret: corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:   name,
			Labels: map[string]string{own.ManagedByLabel: own.ManagedBy, AnswersLabel: s.delivery},
		},
		Type: corev1.SecretTypeOpaque,
	}}
	s.shards = append(s.shards, one)
	return one
}

// keepOnly drops every answer but those of the given content digests.
func (s *shelf) keepOnly(digests []string) {
	keep := map[string]bool{}
	for _, digest := range digests {
		keep[answerKey(digest)] = true
	}
	for _, one := range s.shards {
		for _, key := range slices.Collect(maps.Keys(one.secret.Data)) {
			if !keep[key] {
				one.drop(key)
			}
		}
		// A shard that somebody emptied by hand goes as well.
		one.dirty = one.dirty || len(one.secret.Data) == 0
	}
}

func (s *shard) set(key string, value []byte) {
	if s.secret.Data == nil {
		s.secret.Data = map[string][]byte{}
	}
	s.secret.Data[key] = value
	s.size += len(key) + len(value)
	s.dirty = true
}

func (s *shard) drop(key string) {
	value, ok := s.secret.Data[key]
	if !ok {
		return
	}
	delete(s.secret.Data, key)
	s.size -= len(key) + len(value)
	s.dirty = true
}

// answerKey is a content digest as the key of a Secret, which takes no colon.
func answerKey(digest string) string { return strings.ReplaceAll(digest, ":", "-") }
