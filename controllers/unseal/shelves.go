package unseal

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"

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
	// stubs are those that may be kept beside answers, by Delivery and [stubKey].
	stubs map[string]map[string]bool
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
		list, err := k.names(ctx, client.HasLabels{AnswersLabel})
		if err != nil {
			return false, err
		}
		for _, secret := range list.Items {
			if key, ok := secret.Labels[StubLabel]; ok {
				s.setStub(secret.Labels[AnswersLabel], key)
				continue
			}
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

// forget is for a Delivery of which nothing is kept any more.
func (s *shelves) forget(delivery string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.holds, delivery)
	delete(s.stubs, delivery)
}

// exactly reports whether the answers of these content digests are kept, and nothing of
// others.
func (s *shelves) exactly(delivery string, digests []string) bool {
	keys := make([]string, 0, len(digests))
	for _, digest := range digests {
		keys = append(keys, answerKey(digest))
	}
	slices.Sort(keys)
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.holds[delivery]
	return held.sure && held.keys == hashOfKeys(slices.Compact(keys)) && !s.strays(delivery, digests)
}

func (s *shelves) addStub(delivery, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setStub(delivery, key)
}

func (s *shelves) hasStub(delivery, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stubs[delivery][key]
}

// straysFrom reports whether stubs of others than these content digests may be kept.
func (s *shelves) straysFrom(delivery string, digests []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strays(delivery, digests)
}

func (s *shelves) strays(delivery string, digests []string) bool {
	if len(s.stubs[delivery]) == 0 {
		return false
	}
	wanted := stubKeys(digests)
	for key := range s.stubs[delivery] {
		if !wanted[key] {
			return true
		}
	}
	return false
}

// keepStubs notes that all but these were dropped.
func (s *shelves) keepStubs(delivery string, wanted map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.stubs[delivery], func(key string, _ bool) bool { return !wanted[key] })
}

func (s *shelves) setStub(delivery, key string) {
	if s.stubs == nil {
		s.stubs = map[string]map[string]bool{}
	}
	if s.stubs[delivery] == nil {
		s.stubs[delivery] = map[string]bool{}
	}
	s.stubs[delivery][key] = true
}

func (s *shelves) set(delivery string, held holding) {
	if s.holds == nil {
		s.holds = map[string]holding{}
	}
	s.holds[delivery] = held
}
