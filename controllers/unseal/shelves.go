package unseal

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shelves remembers which answers this process left where, so that the API server is not
// asked for what is known: that nothing is kept of a Delivery which is new, and that what
// is to be kept is what is. It holds a hash for each Delivery, no answer. It may be wrong
// where somebody else writes the Secrets, and then costs a question more, never an answer:
// what is taken for kept and is not is found missing when it is read.
type shelves struct {
	mu sync.Mutex
	// listed: of a Delivery that is not in holds, nothing is kept.
	listed bool
	holds  map[string]holding
}

// holding is what is kept of one Delivery; the zero value is of one that has to be read.
type holding struct {
	sure bool
	keys [sha256.Size]byte
}

var nothing = hashOfKeys(nil)

func hashOfKeys(sorted []string) [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join(sorted, " ")))
}

// bare reports whether nothing is kept of a Delivery. The first time it asks for the names
// of all that have something.
func (s *shelves) bare(ctx context.Context, k *keptAnswers, delivery string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listed {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
		if err := k.client.List(ctx, list, client.InNamespace(k.namespace), client.HasLabels{AnswersLabel}); err != nil {
			return false, fmt.Errorf("list the names of kept answers: %w", err)
		}
		for _, secret := range list.Items {
			s.set(secret.Labels[AnswersLabel], holding{})
		}
		s.listed = true
	}
	held, some := s.holds[delivery]
	return !some || held.sure && held.keys == nothing, nil
}

// left notes what a shelf has, as it was just read or written.
func (s *shelves) left(of *shelf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(of.delivery, holding{sure: true, keys: hashOfKeys(of.keys())})
}

// doubt has a Delivery's answers read the next time.
func (s *shelves) doubt(delivery string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(delivery, holding{})
}

// forget is for a Delivery that is gone, with all that was kept of it.
func (s *shelves) forget(delivery string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.holds[delivery]; held.sure && held.keys == nothing {
		delete(s.holds, delivery)
	}
}

// exactly reports whether the answers of these content digests are kept, and no others.
func (s *shelves) exactly(delivery string, digests []string) bool {
	keys := make([]string, 0, len(digests))
	for _, digest := range digests {
		keys = append(keys, answerKey(digest))
	}
	slices.Sort(keys)
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.holds[delivery]
	return held.sure && held.keys == hashOfKeys(slices.Compact(keys))
}

func (s *shelves) set(delivery string, held holding) {
	if s.holds == nil {
		s.holds = map[string]holding{}
	}
	s.holds[delivery] = held
}
