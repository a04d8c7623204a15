package unseal

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// asker is one process's Deliveries, that ask the key service when they are woken.
type asker struct {
	o outage

	mu     sync.Mutex
	down   bool
	after  time.Duration
	asked  int
	served map[string]bool
}

func newAsker() *asker {
	a := &asker{down: true, served: map[string]bool{}}
	a.o.wake = func(delivery string) { go a.pass(delivery) }
	return a
}

// pass is one Delivery's; it says whether it asked.
func (a *asker) pass(delivery string) bool {
	if a.o.admit(delivery) != nil {
		return false
	}
	a.mu.Lock()
	a.asked++
	var err error
	if a.down {
		err = failure(v1alpha1.KeyServiceUnavailableReason, "", &keyservice.UnavailableError{RetryAfter: a.after})
	} else {
		a.served[delivery] = true
	}
	a.mu.Unlock()
	a.o.heard(delivery, err)
	return true
}

func (a *asker) set(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down, a.asked = down, 0
}

func (a *asker) now() (asked, served int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked, len(a.served)
}

func TestAfterAnOutageEverybodyIsServedWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker()
		const many = 50
		for i := range many {
			a.pass(fmt.Sprint("app-", i))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if asked, served := a.now(); served != 0 || asked < 100 || asked > 300 {
			t.Errorf("%d requests in ten minutes, want one every few seconds, whoever waits", asked)
		}
		a.set(false)
		time.Sleep(longestTurn + time.Second)
		synctest.Wait()
		if _, served := a.now(); served != many {
			t.Errorf("%d of %d are served", served, many)
		}
		a.set(false)
		time.Sleep(time.Hour)
		if asked, _ := a.now(); asked != 0 {
			t.Errorf("%d requests of nobody who waits", asked)
		}
	})
}

func TestWhoeverHealsDoesNotWaitForADeadService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker()
		a.pass("shop")
		if a.pass("shop") || a.pass("news") {
			t.Error("a second request goes to a service that just did not answer")
		}
		// Git took the waiting values back: the next question is asked.
		time.Sleep(time.Minute)
		a.o.mu.Lock()
		a.o.wake = func(string) {}
		a.o.mu.Unlock()
		time.Sleep(time.Hour)
		if !a.pass("later") {
			t.Error("nobody waits, and the service is not asked")
		}
	})
}

func TestAServiceThatWantsToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker()
		a.after = time.Minute
		a.pass("shop")
		a.pass("news")
		a.set(true)
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		if asked, _ := a.now(); asked != 0 {
			t.Errorf("%d requests before the service wanted one", asked)
		}
	})
}

func TestARefusalIsAnAnswer(t *testing.T) {
	var o outage
	var woken []string
	o.wake = func(name string) { woken = append(woken, name) }
	down := failure(v1alpha1.KeyServiceUnavailableReason, "", keyservice.ErrUnavailable)
	for _, name := range []string{"a", "b", "c"} {
		o.heard(name, down)
	}
	o.heard("a", failure(v1alpha1.UnsealDeniedReason, "", nil))
	if slices.Sort(woken); !slices.Equal(woken, []string{"b", "c"}) {
		t.Errorf("woken are %v", woken)
	}
	if o.admit("b") != nil {
		t.Error("a service that refuses is taken for one that does not answer")
	}
}
