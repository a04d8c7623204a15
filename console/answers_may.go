package console

import (
	"context"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/keyservice/client"
)

// check asks whether the person may still see what is kept, unless the service said so just
// now: who they are to it is for the same roles as the ledger is, and says nothing of the
// fleet.
// A refusal leaves nothing of it; a service that is away is not asked again for a while. The
// error says that the person went away meanwhile.
func (a *answer) check(ctx context.Context, service Service) error {
	select {
	case a.checking <- struct{}{}:
		defer func() { <-a.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !a.mustAsk() {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	began := time.Now()
	_, err := service.Describe(within)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // that says nothing of the service
	case err == nil:
		a.allowed(began)
	default:
		a.failed(err)
	}
	return nil
}

// mustAsk: a service that was away just now is not asked, by pages that come in bursts.
func (a *answer) mustAsk() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	away := a.last.err != nil && time.Since(a.tried) < askEvery
	return a.last.fleet != nil && time.Since(a.may) >= mayEvery && !away
}

// allowed: the service said so to a question that was put then.
func (a *answer) allowed(then time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if then.After(a.may) {
		a.may = then
	}
}

// failed keeps why the service did not say so.
func (a *answer) failed(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if errors.As(err, new(*client.DeniedError)) {
		a.last, a.from = told{}, ""
	}
	a.last.err, a.tried = err, time.Now()
}

// bounded is what may be shown of an answer while the service is away.
func (a *answer) bounded(q asked, last told) told {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last.err != nil && q.owner != "" && time.Since(a.may) > staleMost {
		return told{err: last.err}
	}
	return last
}
