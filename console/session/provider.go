package session

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/keyservice/idtoken"
)

const (
	// mostAsking is how many people's tokens are made anew at a time.
	mostAsking = 16
	// firstRest and mostRest are how long a provider that did not answer is left alone, after
	// twice as long each time.
	firstRest = 5 * time.Second
	mostRest  = time.Minute
	// limitsAll is how many people the provider sends away one after the other before it
	// counts as away for everybody: it limits some accounts, and clients, and does not say which.
	limitsAll = 3
	// askWithin bounds one question: three requests, each with a bound of its own.
	askWithin = 15 * time.Second
)

// provider is what all sessions have of one provider, and know of it together. Where it did
// not answer one of them, it is left alone for a while, and then asked by one alone: a whole
// team at its door does not help it up.
type provider struct {
	client *signin.Client
	groups []string
	now    func() time.Time
	log    *slog.Logger
	places chan struct{}

	mu     sync.Mutex
	failed int
	until  time.Time
	trying bool // somebody asks whether it is back
	// limited are people whom it sent away as asking too often since it answered anybody, so
	// many as are asked about at most.
	limited map[string]bool
}

// admit says whether somebody of these claims may be in.
func (p *provider) admit(c idtoken.Claims) error {
	if len(p.groups) == 0 || slices.ContainsFunc(c.Groups, func(g string) bool { return slices.Contains(p.groups, g) }) {
		return nil
	}
	// Which ones would do is for people who ask an operator: at some providers everybody in
	// the world has an account.
	what := "none of your groups at the provider may use this console"
	if len(c.Groups) == 0 {
		what = "the provider names no group that you are in, and this console is for some groups alone"
	}
	p.log.Warn("somebody without a group that may sign in", "person", c.Name(), "subject", c.Subject,
		"groups", len(c.Groups), "hint", "--oidc-groups names the groups, --oidc-groups-claim the claim that has them")
	return fault.New("ask who runs this console which group it is for, and an operator of the provider to have you in "+
		"it; then sign in again", "%w, %s: %s", ErrNotAdmitted, c.Name(), what)
}

// rest is how long the provider is left alone; 0 where it may be asked.
func (p *provider) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trying {
		return firstRest
	}
	if p.failed == 0 {
		return 0
	}
	return max(0, p.until.Sub(p.now()))
}

// ask asks about somebody, or says [signin.ErrAway] at once where the provider is left alone.
func (p *provider) ask(ctx context.Context, owner string, question func(context.Context) error) error {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !p.begin() {
		return signin.ErrAway
	}
	err := question(ctx)
	p.ended(owner, err)
	return err
}

func (p *provider) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed > 0 && (p.trying || p.now().Before(p.until)) {
		return false
	}
	p.trying = p.failed > 0
	return true
}

// ended learns from an answer. One person's bad luck says nothing of the provider: who is
// sent away as asking too often is left alone, and others ask.
func (p *provider) ended(owner string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trying = false
	switch {
	case !signin.IsAway(err):
		p.failed, p.limited = 0, nil
		return
	case errors.As(err, new(*signin.LimitedError)) && !p.isEverybody(owner):
		return
	}
	rest := min(firstRest<<min(p.failed, 8), mostRest)
	p.until = p.now().Add(rest)
	p.failed++
	p.log.Warn("the provider does not answer: nobody's token can be made anew", "error", err.Error(), "again", rest)
}

// isEverybody says of somebody who was limited whether by now everybody seems to be.
func (p *provider) isEverybody(owner string) bool {
	if p.limited == nil {
		p.limited = map[string]bool{}
	}
	if len(p.limited) < limitsAll {
		p.limited[owner] = true
	}
	return len(p.limited) >= limitsAll
}
