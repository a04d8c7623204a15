package notices

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/wait"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// answer is what a service says to one call.
type answer struct {
	head string
	err  error
}

// service answers as the test says, and holds a call until then.
type service struct {
	unseal.KeyService

	asked   chan string
	answers chan answer
}

func newService() *service {
	return &service{asked: make(chan string), answers: make(chan answer)}
}

func (s *service) AwaitHead(ctx context.Context, known string) (string, error) {
	select {
	case s.asked <- known:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case a := <-s.answers:
		return a.head, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// older is a service that has no such call.
type older struct{ unseal.KeyService }

// listen runs a Listener of a cluster at a head, until the test ends.
func listen(t *testing.T, of unseal.KeyService, at string,
) (l *Listener, moved chan string, registry *prometheus.Registry) {
	t.Helper()
	registry, moved = prometheus.NewRegistry(), make(chan string, 8)
	l = &Listener{
		Link: unseal.NewLink(of), Snapshots: &view.Snapshots{}, Metrics: metrics.New(registry),
		Moved: func(head string) { moved <- head }, Least: time.Millisecond, Retry: time.Millisecond,
	}
	l.Snapshots.Store(&view.Snapshot{Head: at})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := wait.Receive(t, "the listener ends", done); err != nil {
			t.Error(err)
		}
	})
	return l, moved, registry
}

func TestAClusterLooksWhenItIsToldOfAnotherHead(t *testing.T) {
	s := newService()
	l, moved, _ := listen(t, s, "one")
	if known := wait.Receive(t, "the service is asked", s.asked); known != "one" {
		t.Errorf("it asked for a head beyond %q, and stands at one", known)
	}
	s.answers <- answer{head: "one"} // nothing new for a while
	wait.Receive(t, "it asks again", s.asked)
	s.answers <- answer{head: "two"}
	if head := wait.Receive(t, "it looks", moved); head != "two" {
		t.Errorf("it looked for %q", head)
	}
	// What this cluster refuses stays refused: it must not be told of it for ever.
	if known := wait.Receive(t, "it asks again", s.asked); known != "two" {
		t.Errorf("it asked for a head beyond %q, and was told of two", known)
	}
	// An outage, and what it slept through.
	s.answers <- answer{err: errors.New("gone")}
	wait.Receive(t, "it asks again", s.asked)
	l.Snapshots.Store(&view.Snapshot{Head: "three"}) // found at the interval
	s.answers <- answer{head: "three"}
	wait.Receive(t, "it asks again", s.asked)
	if len(moved) > 0 {
		t.Errorf("it was told of the head that it has, and looked for %q", <-moved)
	}
}

// The clusters of a fleet lose their calls together, and a service that refuses one, or
// has no such call, is not asked every moment.
func TestAServiceThatDoesNotAnswerIsAskedLessAndLess(t *testing.T) {
	l := &Listener{}
	between := func(what string, err error, failures int, least, most time.Duration) {
		t.Helper()
		var sum time.Duration
		l.failures = failures
		for range 200 {
			pause := l.pause(err, 0)
			if pause < least || pause > most {
				t.Fatalf("%s: it comes back after %s, want %s to %s", what, pause, least, most)
			}
			sum += pause
		}
		if middle := sum / 200; middle < least+(most-least)/4 || middle > most-(most-least)/4 {
			t.Errorf("%s: clusters come back %s after, all of them", what, middle)
		}
	}
	between("a restart", errors.New("gone"), 1, time.Second, 3*time.Second)
	between("a long outage", errors.New("gone"), 90, time.Minute, 3*time.Minute)
	between("an older service", keyservice.ErrNoNotices, 1, 5*time.Minute, 15*time.Minute)
	between("no Cluster file yet", &keyservice.DeniedError{Reason: "NotInFleet"}, 1, time.Minute, 3*time.Minute)
	l.failures = 1
	asked := &keyservice.UnavailableError{Err: errors.New("busy"), RetryAfter: 4 * time.Minute}
	if pause := l.pause(asked, 0); pause < 4*time.Minute {
		t.Errorf("asked to stay away for 4m, it comes back after %s", pause)
	}
	if pause := l.pause(nil, 0); pause != leastPause {
		t.Errorf("a service that answers at once is asked again after %s", pause)
	}
}

func TestARefusedClusterAsksAgainAtAnotherHead(t *testing.T) {
	s := newService()
	l, _, registry := listen(t, s, "one")
	wait.Receive(t, "the service is asked", s.asked)
	s.answers <- answer{err: &keyservice.DeniedError{Reason: "NotInFleet"}}
	counted := func(n string) {
		t.Helper()
		want := "# HELP bulla_notices_total Calls that waited for the key service to tell of another head, by result.\n" +
			"# TYPE bulla_notices_total counter\nbulla_notices_total{result=\"refused\"} " + n + "\n"
		wait.For(t, "it is counted", func() error {
			return testutil.GatherAndCompare(registry, strings.NewReader(want), "bulla_notices_total")
		})
	}
	counted("1")
	l.Snapshots.Store(&view.Snapshot{Head: "two"}) // its file is merged
	wait.Receive(t, "it asks again, minutes before it would", s.asked)
	// The service is behind this cluster, until it looks for somebody here.
	s.answers <- answer{err: &keyservice.DeniedError{Reason: "NotInFleet"}}
	counted("2")
	l.Link.Answered()
	wait.Receive(t, "it asks again, minutes before it would", s.asked)
}

func TestAnotherConnectionEndsTheCall(t *testing.T) {
	before, after := newService(), newService()
	l, _, _ := listen(t, before, "one")
	wait.Receive(t, "the service is asked", before.asked)
	l.Link.Replace(after)
	wait.Receive(t, "the other is asked", after.asked)
	l.Link.Replace(older{})
	l.Link.Replace(before)
	wait.Receive(t, "and one that follows a service of before", before.asked)
}
