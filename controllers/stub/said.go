package stub

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// said is what stubs are known to say, by the version in which they say it: with each
// new snapshot all of them are looked at, and nearly all say what they are to say. The
// zero value knows nothing, and is safe for concurrent use.
type said struct {
	mu sync.Mutex
	by map[types.NamespacedName]saying
}

type saying struct {
	uid             types.UID
	version, name   string
	status          metav1.ConditionStatus
	reason, message string
}

func sayingOf(o client.Object, name string, ready metav1.Condition) saying {
	return saying{uid: o.GetUID(), version: o.GetResourceVersion(), name: name,
		status: ready.Status, reason: ready.Reason, message: ready.Message}
}

// already: as the cache has the stub, its status says this.
func (s *said) already(o client.Object, name string, ready metav1.Condition) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[client.ObjectKeyFromObject(o)] == sayingOf(o, name, ready)
}

func (s *said) note(o client.Object, name string, ready metav1.Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[types.NamespacedName]saying{}
	}
	s.by[client.ObjectKeyFromObject(o)] = sayingOf(o, name, ready)
}

func (s *said) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, key)
}
