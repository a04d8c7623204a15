package console

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/desk/forge"
)

const (
	// forgeFresh is how long an answer of a forge is shown without another question: pages
	// that are left open ask every 30 seconds, each.
	forgeFresh = 20 * time.Second
	// forgeMost is the longest that a forge which fails is left alone, after twice as long
	// each time: what has too much to do is not helped by more questions.
	forgeMost = 5 * time.Minute
	// forgeAnswersMost bounds what is kept.
	forgeAnswersMost = 500
)

// forgeAnswers are the last of a forge, each for the account that it was given to: what one
// may see says nothing of what another may. The zero value is ready.
type forgeAnswers struct {
	// same are whole answers: of what did not change since, a forge says that alone.
	same forge.Kept

	mu sync.Mutex
	of map[forgeAsked]*forgeAnswer
}

// forgeAsked is who asked what: account is a hash of the place and its token, branch is ""
// for all that are open.
type forgeAsked struct {
	account [sha256.Size]byte
	branch  string
}

// forgeAnswer is the last one to a question.
type forgeAnswer struct {
	turn chan struct{} // held by who asks: one at a time, of all who wait
	used time.Time     // under forgeAnswers.mu

	requests []forge.Request
	err      error
	until    time.Time
	failed   int
}

// find is [forge.Forge.FindRequest], open is [forge.Forge.OpenRequests], each kept for a while.
func (k *forgeAnswers) find(ctx context.Context, p *Proposals, branch string) (forge.Request, error) {
	all, err := k.ask(ctx, p, branch, func(at *forge.Forge) ([]forge.Request, error) {
		one, err := at.FindRequest(ctx, branch)
		return []forge.Request{one}, err
	})
	if err != nil {
		return forge.Request{}, err
	}
	return all[0], nil
}

func (k *forgeAnswers) open(ctx context.Context, p *Proposals, prefix string) ([]forge.Request, error) {
	return k.ask(ctx, p, "", func(at *forge.Forge) ([]forge.Request, error) { return at.OpenRequests(ctx, prefix) })
}

func (k *forgeAnswers) ask(
	ctx context.Context, p *Proposals, branch string, question func(*forge.Forge) ([]forge.Request, error),
) ([]forge.Request, error) {
	asking := *p
	asking.Place.Through = k.same.Over(p.Place.Through)
	at, err := asking.forge()
	if err != nil {
		return nil, err
	}
	a := k.get(forgeAsked{account(p.Place), branch})
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if time.Now().Before(a.until) {
		return slices.Clone(a.requests), a.err
	}
	requests, err := question(at)
	if err != nil && ctx.Err() != nil {
		return nil, err // somebody closed a page: that says nothing of the forge
	}
	wait := forgeFresh
	if err != nil && !errors.Is(err, forge.ErrNoRequest) {
		wait = min(forgeFresh<<min(a.failed, 8), forgeMost)
		a.failed++
	} else {
		a.failed = 0
	}
	a.requests, a.err, a.until = requests, err, time.Now().Add(wait)
	return slices.Clone(requests), err
}

// get gives the place of a question, and forgets what was not asked for longest.
func (k *forgeAnswers) get(q forgeAsked) *forgeAnswer {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[forgeAsked]*forgeAnswer{}
	}
	if k.of[q] == nil {
		if len(k.of) >= forgeAnswersMost {
			oldest := q
			for other, a := range k.of {
				if oldest == q || a.used.Before(k.of[oldest].used) {
					oldest = other
				}
			}
			delete(k.of, oldest)
		}
		k.of[q] = &forgeAnswer{turn: make(chan struct{}, 1)}
	}
	k.of[q].used = time.Now()
	return k.of[q]
}

// forget drops what is known of a branch, and of all that are open: somebody just requested it.
func (k *forgeAnswers) forget(branch string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for q := range k.of {
		if q.branch == branch || q.branch == "" {
			delete(k.of, q)
		}
	}
}

// account tells one account at a forge from others, and keeps no token.
func account(p forge.Place) [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join([]string{p.Kind, p.URL, p.Repository, p.Token}, "\x00")))
}
