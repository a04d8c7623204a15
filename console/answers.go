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
	// askEvery is how old an answer is shown without another question: each is an entry of
	// the audit log, and pages come in bursts.
	askEvery = 10 * time.Second
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

// asked is who asked what. Cluster and placement are empty for everything.
type asked struct{ fleet, person, cluster, placement string }

// answer is the last one to a question, and what was made of it.
type answer struct {
	mu sync.Mutex // one question at a time

	status   *ledger.Status
	at       time.Time // of status
	tried    time.Time
	err      error // of the last try
	fleet    *standing.Fleet
	from     string // the commit that fleet is from
	lastUsed time.Time
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
				if oldest == q || one.lastUsed.Before(a.of[oldest].lastUsed) {
					oldest = other
				}
			}
			delete(a.of, oldest)
		}
		a.of[q] = &answer{}
	}
	a.of[q].lastUsed = time.Now()
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

// ask asks the key service, or takes what it said a moment ago. A service that cannot be
// reached leaves what it said last. One that refuses leaves nothing: a role that was taken
// away shows nothing any more.
func (a *answers) ask(ctx context.Context, s *clone.Snapshot, service Service, q asked) told {
	one := a.get(q)
	one.mu.Lock()
	defer one.mu.Unlock()
	if time.Since(one.tried) >= askEvery {
		one.try(ctx, service, q)
	}
	if one.status == nil {
		return told{err: one.err}
	}
	if one.fleet == nil || one.from != s.Commit {
		one.fleet, one.from = standing.New(s.Model.At(one.status.Time), one.status), s.Commit
	}
	return told{fleet: one.fleet, at: one.at, err: one.err}
}

func (a *answer) try(ctx context.Context, service Service, q asked) {
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	out, err := service.ListLedger(within, &keyservicev1.ListLedgerRequest{Cluster: q.cluster, Placement: q.placement})
	if ctx.Err() != nil {
		return // the person went away: that says nothing of the service
	}
	a.tried, a.err = time.Now(), err
	if errors.As(err, new(*client.DeniedError)) {
		a.status, a.fleet = nil, nil
	}
	if err != nil {
		return
	}
	status := ledger.Read(out, silentAfter)
	a.status, a.at, a.fleet = &status, a.tried, nil
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
