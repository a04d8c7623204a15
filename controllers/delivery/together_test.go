package delivery

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
)

// meeting counts the Secrets that are being made at once. The first waits until
// another comes, and not for ever.
type meeting struct {
	mu        sync.Mutex
	now, most int
	met       chan struct{}
	closed    sync.Once
}

func (m *meeting) attend(do func() error) error {
	m.mu.Lock()
	m.now++
	m.most = max(m.most, m.now)
	if m.now > 1 {
		m.closed.Do(func() { close(m.met) })
	}
	m.mu.Unlock()
	select {
	case <-m.met:
	case <-time.After(wait.Patience()):
		m.closed.Do(func() { close(m.met) })
	}
	err := do()
	m.mu.Lock()
	m.now--
	m.mu.Unlock()
	return err
}

func (m *meeting) together() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.most
}

type attended struct {
	client.Client
	*meeting
}

func (a attended) Apply(ctx context.Context, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	apply := func() error { return a.Client.Apply(ctx, o, options...) }
	// What carries a uid is a proof: those went side by side before.
	if secret, ok := o.(*corev1ac.SecretApplyConfiguration); ok && secret.UID == nil {
		return a.attend(apply)
	}
	return apply()
}

// A first apply waits for the API server's disk once for many objects. It asks for
// no more of them at once than the bound says.
func TestObjectsOfOneKindAreMadeSideBySide(t *testing.T) {
	w := newDeliveryWorld(t)
	m := &meeting{met: make(chan struct{})}
	w.wrap = func(c client.Client) client.Client { return attended{c, m} }
	w.run()
	var objects []kustomize.Object
	for i := range 3 * atOnce {
		objects = append(objects, w.seal(fmt.Sprintf("secret-%02d", i), map[string]string{"key": "value"}))
	}
	w.place("shop", objects...)
	w.commit()
	w.settled()
	if most := m.together(); most < 2 || most > atOnce {
		t.Errorf("at most %d objects were being made at once; want 2 to %d", most, atOnce)
	}
}
