package delivery

import (
	"net/url"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/fixtures/proxy"
)

// TestAnAPIServerThatIsAwayForAnHourIsCaughtUpWith: it goes away in the middle of a
// pass, just when a write was done whose answer is lost. The same process tries again
// as often as its limiter lets it in an hour, which nobody waits for. What Git places
// before and after is never deleted, and what it says after that hour stands.
func TestAnAPIServerThatIsAwayForAnHourIsCaughtUpWith(t *testing.T) {
	w := newDeliveryWorld(t)
	p := w.throughProxy()
	clock := time.Now()
	w.now = func() time.Time { return clock }
	s := &saboteur{kind: persists}
	l := w.lives()(s)
	states, names := w.states(), []string{"shop", "other"}
	w.turn(nil, states[0])
	l.converge(s, names...)
	for _, at := range []int{1, 2, 4, 7} {
		kept, stays := w.versions(), w.turn(states[0], states[1])
		s.strike(at, p.Away)
		w.hour(l, &clock, names...)
		w.must(p.Back())
		l.converge(s, names...)
		w.check()
		for id, version := range w.versions() {
			if before, ok := kept[id]; ok && stays[id] && uidOf(before) != uidOf(version) {
				t.Errorf("write %d: %s stands before and after the hour, and was deleted in it", at, id)
			}
		}
		states[0], states[1] = states[1], states[0]
	}
}

// hour makes the passes that a loop makes in an hour without an API server. Each fails,
// says that there was no answer, and ends; there are few, and the next one is near.
func (w *deliveryWorld) hour(l *life, clock *time.Time, names ...string) {
	w.t.Helper()
	const most = 60
	limiter, end, passes := pace.Limiter(), clock.Add(time.Hour), 0
	for ; clock.Before(end); passes++ {
		longest := time.Duration(0)
		for _, name := range names {
			request := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: w.system, Name: name}}
			result, err := l.r.Reconcile(w.t.Context(), request)
			if err == nil && name == "shop" {
				w.t.Fatalf("pass %d ends with %+v and no error", passes, result)
			}
			if err != nil && apierrors.ReasonForError(err) != metav1.StatusReasonUnknown {
				w.t.Errorf("pass %d was answered: %v", passes, err)
			}
			longest = max(longest, limiter.When(request))
		}
		*clock = clock.Add(longest)
		if longest > 2*time.Minute {
			w.t.Fatalf("who waits for the API server's return waits %v", longest)
		}
	}
	if passes > most {
		w.t.Errorf("%d passes in an hour that nobody answers", passes)
	}
	w.t.Logf("%d passes in an hour", passes)
}

// throughProxy has the controller reach the API server through a proxy. The world's own
// client goes around it.
func (w *deliveryWorld) throughProxy() *proxy.Proxy {
	w.t.Helper()
	server, err := url.Parse(w.config.Host)
	w.must(err)
	p := proxy.ForTest(w.t, server.Host)
	w.config = rest.CopyConfig(w.config)
	w.config.Host = strings.Replace(w.config.Host, server.Host, p.Address(), 1)
	return p
}
