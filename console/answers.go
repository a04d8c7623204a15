package console

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/standing"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const (
	// askEvery is how old an answer is shown without another question: pages come in bursts,
	// and a ledger is large.
	askEvery = 10 * time.Second
	// waitAfter is how old an answer is shown while the next one is asked for.
	waitAfter = time.Minute
	// mayEvery is how old the key service's word is by which an answer that is kept is shown: a
	// role that was taken away shows nothing after it.
	mayEvery = 2 * time.Second
	// staleMost is how old it is at most while the service cannot be reached, where several
	// people have sessions: who keeps the service from answering keeps no role.
	staleMost = 15 * time.Minute
	// askWithin bounds one question: a page with Git alone, now, is better than none.
	askWithin = 5 * time.Second
	// silentAfter is how long a cluster may say nothing; `bulla status` has the same.
	silentAfter = 30 * time.Minute
	// mostAnswers bounds what is kept, each of up to some dozens of megabytes.
	mostAnswers = 24
)

// answers are the last of the key service, each for the person whom it was given to: what
// one may see says nothing of what another may. The zero value is ready.
type answers struct {
	mu sync.Mutex
	of map[asked]*answer
}

// asked is who asked what. Cluster and placement are empty for everything. The owner is
// beside the name that the key service's log has: two people may have one, one after the
// other.
type asked struct{ fleet, owner, person, cluster, placement string }

// answer is the last one to a question, and what was made of it.
type answer struct {
	turn chan struct{} // held by who asks: one at a time
	used time.Time     // under answers.mu

	mu    sync.Mutex
	last  told
	tried time.Time
	from  string    // the commit that last.fleet is from
	may   time.Time // when the service said last that the person may see it
	// checking is held by who asks that.
	checking chan struct{}
}

// get gives the place of a question, and forgets what was not asked for longest.
func (a *answers) get(q asked) *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[asked]*answer{}
	}
	if a.of[q] == nil {
		for len(a.of) >= mostAnswers {
			oldest := q
			for other, one := range a.of {
				if oldest == q || one.used.Before(a.of[oldest].used) {
					oldest = other
				}
			}
			delete(a.of, oldest)
		}
		a.of[q] = &answer{turn: make(chan struct{}, 1), checking: make(chan struct{}, 1)}
	}
	a.of[q].used = time.Now()
	return a.of[q]
}

// told is an answer as a page has it.
type told struct {
	fleet *standing.Fleet
	// at is when the key service said it; zero where it did not.
	at time.Time
	// err is why it did not say it now.
	err error
}

// about is the answer for everything or, where that is too much for one, of a cluster or a
// placement, of which one may be given.
func (a *answers) about(ctx context.Context, s *clone.Snapshot, service Service, cluster, placement string) told {
	q := asked{fleet: service.Fleet(), owner: person(ctx).Owner, person: service.Person()}
	t := a.ask(ctx, s, service, q)
	if isTooMuch(t.err) && cluster+placement != "" {
		q.cluster, q.placement = cluster, placement
		t = a.ask(ctx, s, service, q)
	}
	return t
}

// ask gives what the key service says. What it said a moment ago is shown while it is asked
// again: to ask, and to make a page's numbers of the answer, may take seconds. A service that
// cannot be reached leaves what it said last. One that refuses leaves nothing: a role that
// was taken away shows nothing any more, and each page that shows what is kept has it asked
// before, by a question that costs little.
func (a *answers) ask(ctx context.Context, s *clone.Snapshot, service Service, q asked) told {
	one := a.get(q)
	last, fresh := one.look(s)
	if last.fleet != nil {
		if err := one.check(ctx, service); err != nil {
			return told{err: err}
		}
		last, fresh = one.look(s)
	}
	if fresh {
		return one.bounded(q, last)
	}
	if last.fleet != nil && last.err == nil && time.Since(last.at) < waitAfter {
		go one.try(context.WithoutCancel(ctx), s, service, q)
		return last
	}
	one.try(ctx, s, service, q)
	last, _ = one.look(s)
	return one.bounded(q, last)
}

// look gives the last answer, and whether it needs no other.
func (a *answer) look(s *clone.Snapshot) (last told, fresh bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, time.Since(a.tried) < askEvery && (a.last.fleet == nil || a.from == s.Commit)
}

// try asks, unless somebody did while this waited for its turn.
func (a *answer) try(ctx context.Context, s *clone.Snapshot, service Service, q asked) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return
	}
	last, fresh := a.look(s)
	if fresh {
		return
	}
	a.mu.Lock()
	again, from := time.Since(a.tried) >= askEvery, a.from
	a.mu.Unlock()
	if !again { // another commit came: the same answer, of it
		a.keep(told{standing.New(s.Model.At(last.fleet.Status.Time), last.fleet.Status), last.at, last.err}, s.Commit)
		return
	}
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	began := time.Now()
	out, err := service.ListLedger(within, &keyservicev1.ListLedgerRequest{Cluster: q.cluster, Placement: q.placement})
	switch {
	case ctx.Err() != nil:
		return // the person went away: that says nothing of the service
	case errors.As(err, new(*client.DeniedError)):
		last = told{err: err}
	case err != nil:
		last.err = err
	default:
		a.allowed(began)
		status := ledger.Read(out, silentAfter)
		last, from = told{standing.New(s.Model.At(status.Time), &status), time.Now(), nil}, s.Commit
		last.fleet.Problems() // here, and not while a page waits
	}
	a.keep(last, from)
	a.mu.Lock()
	a.tried = time.Now()
	a.mu.Unlock()
}

// keep keeps an answer. from is the commit that its fleet is from.
func (a *answer) keep(t told, from string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last, a.from = t, from
}

// refusedLedger gives an error of the key service its hint.
func refusedLedger(err error) error {
	if isTooMuch(err) {
		return fault.New("the pages of an application and of a cluster ask for their part alone; `bulla status` takes "+
			"--cluster and --placement", "the fleet is too large for one answer: %w", err)
	}
	return login.Refused(err)
}

func isTooMuch(err error) bool {
	var denied *client.DeniedError
	return errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonTooMuch
}
