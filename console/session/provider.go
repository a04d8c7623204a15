package session

import (
	"context"
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
		"it; then sign in again", "%w, %s: %s", errNotAdmitted, c.Name(), what)
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

// ask asks, or says [signin.ErrAway] at once where the provider is left alone.
func (p *provider) ask(ctx context.Context, question func(context.Context) error) error {
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
	p.ended(err)
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

func (p *provider) ended(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trying = false
	if !signin.IsAway(err) {
		p.failed = 0
		return
	}
	rest := min(firstRest<<min(p.failed, 8), mostRest)
	p.until = p.now().Add(rest)
	p.failed++
	p.log.Warn("the provider does not answer: nobody's token can be made anew", "error", err.Error(), "again", rest)
}
