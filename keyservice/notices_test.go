package keyservice_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// notice is how a call that waited for a head ended.
type notice struct {
	head string
	err  error
}

// await holds a call in the name of a member.
func (m *member) await(known string) <-chan notice {
	m.w.t.Helper()
	ended := make(chan notice, 1)
	ctx, of := m.w.t.Context(), m.dial()
	m.w.t.Cleanup(of.Close)
	go func() {
		head, err := of.AwaitHead(ctx, known)
		ended <- notice{head, err}
	}()
	return ended
}

const heldNow = `bulla_keyservice_requests_in_flight{route="/bulla.keyservice.v1.KeyService/AwaitHead"}`

// holds waits until so many calls are held.
func (w *world) holds(calls int) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d calls are held", calls), func() bool {
		return strings.Contains(w.get("/metrics"), fmt.Sprintf("%s %d\n", heldNow, calls))
	})
}

// noticed is how many calls ended so.
func (w *world) noticed(result string) string {
	w.t.Helper()
	_, after, _ := strings.Cut(w.get("/metrics"), fmt.Sprintf("bulla_keyservice_notices_total{result=%q} ", result))
	n, _, _ := strings.Cut(after, "\n")
	return n
}

// The service of this test looks by itself once an hour, and no cluster asks it.
func TestClustersThatWaitAreToldOfAPush(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	eu, us := f.eu.await(f.head), f.us.await(f.head)
	f.holds(2)
	head := f.commit(map[string]string{"README.md": "a push"})
	if status := f.tell(hookSecret, `{}`); status != http.StatusAccepted {
		t.Fatalf("the webhook: status %d", status)
	}
	for name, ended := range map[string]<-chan notice{"prod-eu": eu, "prod-us": us} {
		if got := wait.Receive(t, name+" is told", ended); got.err != nil || got.head != head {
			t.Errorf("%s was told of %q, %v; want %s", name, got.head, got.err, head)
		}
	}
	// Who missed it is told at once, and who has it waits, however often the forge rings.
	if got := wait.Receive(t, "who missed it is told", f.us.await(f.head)); got.head != head {
		t.Errorf("told of %q, %v", got.head, got.err)
	}
	eu = f.eu.await(head)
	f.holds(1)
	looks := f.looks(t)
	for range 20 {
		f.tell(hookSecret, `{}`)
	}
	f.eventually("the service looked", func() bool { return f.looks(t) > looks })
	if told := f.noticed("told"); told != "3" {
		t.Errorf("%s calls were told of a head, want 3", told)
	}
	select {
	case got := <-eu:
		t.Errorf("a look that found nothing was told: %q, %v", got.head, got.err)
	default:
	}
}

func TestACallThatWaitsEndsWithNothingNew(t *testing.T) {
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) { w.heldFor = 50 * time.Millisecond }))
	f.settle(f.head)
	if got := wait.Receive(t, "the call ends", f.eu.await(f.head)); got.err != nil || got.head != f.head {
		t.Errorf("answered %q, %v; want the same head", got.head, got.err)
	}
	got := wait.Receive(t, "a head that is none is refused", f.eu.await("main"))
	wantDenied(t, got.err, keyservicev1.ReasonRequest)
}

// A controller has one place in this test, and asks while it waits.
func TestACallThatWaitsTakesNobodysPlace(t *testing.T) {
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) { w.limits = turnstile.Limits{InFlight: 1} }))
	f.settle(f.head)
	first := f.eu.await(f.head)
	f.holds(1)
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Errorf("while a call waits: %s", result.Refusal)
	}
	second := f.eu.await(f.head)
	f.holds(2)
	// A connection that a NAT forgot is not waited on for ever: the newest two count.
	f.eu.await(f.head)
	got := wait.Receive(t, "the oldest of three ends", first)
	if !errors.Is(got.err, client.ErrUnavailable) {
		t.Errorf("the oldest of three ended with %q, %v", got.head, got.err)
	}
	select {
	case got := <-second:
		t.Errorf("the second ended with %q, %v", got.head, got.err)
	default:
	}
}

func TestAClusterThatLeavesTheFleetWaitsNoMore(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	gone, stays := f.eu.await(f.head), f.us.await(f.head)
	f.holds(2)
	head := f.commit(map[string]string{f.eu.path(): ""})
	f.tell(hookSecret, `{}`)
	// It is refused, or its connection is cut before that comes out.
	if got := wait.Receive(t, "its call ends", gone); got.err == nil {
		t.Errorf("a cluster that left was told of %q", got.head)
	}
	if got := wait.Receive(t, "the other is told", stays); got.head != head {
		t.Errorf("told of %q, %v", got.head, got.err)
	}
	got := wait.Receive(t, "its next call ends", f.eu.await(f.head))
	wantDenied(t, got.err, keyservicev1.ReasonNotInFleet)
	got = wait.Receive(t, "who was never in it is refused", f.join("prod-new").await(f.head))
	wantDenied(t, got.err, keyservicev1.ReasonNotInFleet)

	// The end of a suspension is news.
	suspended := f.commit(map[string]string{f.us.path(): f.us.file(func(c *api.Cluster) { c.Spec.Suspend = true }, "all")})
	f.tell(hookSecret, `{}`)
	f.eventually("it is suspended", func() bool {
		return strings.Contains(f.logs.String(), `"msg":"accepted head","head":"`+suspended+`"`)
	})
	waiting := f.us.await(suspended)
	f.holds(1)
	head = f.commit(map[string]string{f.us.path(): f.us.file(nil, "all")})
	f.tell(hookSecret, `{}`)
	if got := wait.Receive(t, "it is told", waiting); got.head != head {
		t.Errorf("a suspended cluster was told of %q, %v", got.head, got.err)
	}
}

func TestAStopEndsCallsThatWait(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	waiting := f.eu.await(f.head)
	f.holds(1)
	f.stop()
	if got := wait.Receive(t, "the call ends", waiting); !errors.Is(got.err, client.ErrUnavailable) {
		t.Errorf("it ended with %q, %v", got.head, got.err)
	}
	if text := f.logs.String(); strings.Contains(text, "context deadline exceeded") {
		t.Error("the stop waited for it in vain")
	}
}

// TestClustersAreToldWhatTheServiceFollows by its configuration, for people to compare.
func TestClustersAreToldWhatTheServiceFollows(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	of := f.eu.dial()
	defer of.Close()
	if said, ok := of.Follows(); ok {
		t.Errorf("before it said anything: %+v", said)
	}
	if _, err := of.AwaitHead(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if said, ok := of.Follows(); !ok || said != (client.Follows{Ref: "main"}) {
		t.Errorf("it follows %+v, %v", said, ok)
	}
}
