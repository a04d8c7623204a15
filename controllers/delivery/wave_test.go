package delivery

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
)

// turns stands in for the key service: it lets builds in that were told to it.
type turns struct {
	mu   sync.Mutex
	in   map[string]bool
	away bool
	// asked counts by release, stood what was said of it.
	asked map[string]int
	stood map[string]bool
}

func newTurns() *turns {
	return &turns{in: map[string]bool{}, asked: map[string]int{}, stood: map[string]bool{}}
}

func (s *turns) MayTake(_ context.Context, in *keyservicev1.MayTakeRequest) (bool, string, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	build := in.GetRelease()
	s.asked[build]++
	s.stood[build] = in.GetStood()
	if s.away {
		return false, "", 0, errors.New("connection refused")
	}
	return s.in[build], "wave canary is not Ready at it", 20 * time.Millisecond, nil
}

func (s *turns) set(away bool, in ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
	for _, build := range in {
		s.in[build] = true
	}
}

func (s *turns) count(build string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[build]
}

func (s *turns) forget(build string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.in, build)
}

func (s *turns) said(build string) (stood bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stood[build]
}

// full is a quota that leaves no room for one object.
type full struct {
	of      string
	reached atomic.Bool
}

// limited is an API server with such a quota.
type limited struct {
	client.Client
	*full
}

func (l limited) Apply(ctx context.Context, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	if named, ok := o.(interface{ GetName() string }); ok && named.GetName() == l.of && l.reached.Load() {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, l.of, errors.New("exceeded quota"))
	}
	return l.Client.Apply(ctx, o, options...)
}

// TestABuildWaitsForItsWaveAndARemovalDoesNot: without a word of the key service nothing
// new begins, and what has begun goes on.
func TestABuildWaitsForItsWaveAndARemovalDoesNot(t *testing.T) {
	w := newDeliveryWorld(t)
	service := newTurns()
	w.pacer = service
	quota := &full{of: "one-more"}
	w.wrap = func(c client.Client) client.Client { return limited{c, quota} }
	stop := w.run()
	rollout := &api.PlacementRollout{Waves: []api.RolloutWave{{ClusterSet: "canary"}}}
	stood := []kustomize.Object{w.seal("db", map[string]string{"password": "one"}), w.configMap("settings", "1")}
	first := append([]kustomize.Object{w.seal("revoked", map[string]string{"token": "x"})}, stood...)
	w.place("shop", first...).spec.Rollout = rollout
	w.commit()
	w.reason("shop", v1alpha1.WaitingForWaveReason)
	w.gone(&corev1.ConfigMap{}, "settings")
	service.set(false, buildDigestOf(first))
	w.settled()

	next := []kustomize.Object{stood[0], w.configMap("settings", "2")}
	service.set(true)
	w.place("shop", next...).spec.Rollout = rollout
	w.commit()
	w.reason("shop", v1alpha1.WaitingForWaveReason)
	w.gone(&corev1.Secret{}, "revoked")
	lost := map[string]client.Object{"db": &corev1.Secret{}, "settings": &corev1.ConfigMap{}}
	w.lose(stood, lost)
	stop()
	stop = w.run()
	w.lose(stood, lost)
	service.set(false, buildDigestOf(next))
	w.settled()

	// Half of it is there, the rest is refused, an operator pauses, and the process ends.
	half := []kustomize.Object{stood[0], w.configMap("settings", "3"), w.configMap("one-more", "1")}
	service.set(false, buildDigestOf(half))
	quota.reached.Store(true)
	w.place("shop", half...).spec.Rollout = rollout
	w.commit()
	w.says("shop", "exceeded quota")
	stop()
	service.forget(buildDigestOf(half))
	quota.reached.Store(false)
	w.run()
	w.settled()
	if begun := w.delivery("shop").Status.BegunBuildDigest; begun != "" {
		t.Errorf("%s is complete, and is said to be half-way", begun)
	}

	// What was Ready here before is said to have been.
	service.set(false)
	service.forget(buildDigestOf(first))
	w.place("shop", first...).spec.Rollout = rollout
	w.commit()
	w.reason("shop", v1alpha1.WaitingForWaveReason)
	if before, now := service.said(buildDigestOf(next)), service.said(buildDigestOf(first)); before || !now {
		t.Errorf("it stood before: %v of what never did, %v of what did", before, now)
	}
	service.set(false, buildDigestOf(first))
	w.settled()
	w.place("shop", next...).spec.Rollout = rollout
	w.commit()
	w.settled()

	// What stands asks nobody.
	asked := service.count(buildDigestOf(next))
	service.set(true)
	w.lose(next, map[string]client.Object{"settings": &corev1.ConfigMap{}})
	delete(w.git, "shop")
	w.commit()
	w.settled()
	w.gone(&corev1.Secret{}, "db")
	if now := service.count(buildDigestOf(next)); now != asked {
		t.Errorf("a build that stands asked for its turn %d times more", now-asked)
	}

	// What depends on itself has no turn to wait for: its condition names the circle, not
	// a wave. Waves of acyclic placements cannot make one.
	for one, other := range map[string]string{"one": "two", "two": "one"} {
		a := w.place(one, w.configMap(one, "1"))
		a.spec.Rollout, a.spec.DependsOn = rollout, []api.PlacementReference{{Name: other}}
	}
	w.commit()
	w.says("one", "waits for itself: one → two → one", "Stalled=True")
	w.says("two", "waits for itself: two → one → two", "Stalled=True")
}
