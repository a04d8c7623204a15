package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/signin"
)

const (
	// moment is how long a page waits for a token to be made anew while the one before still
	// counts: who was thrown out is to be out with the first page, and who was not is not to
	// wait for a provider that hangs.
	moment = time.Second
	// withoutToken is how long a provider is not asked again that answered, and gave none; and
	// how long one person at most whom it sends away as asking too often.
	withoutToken = 5 * time.Minute
)

// renewal is one attempt to have a token made anew. A session has one at a time: a provider
// that gives another refresh token each time takes the use of an old one for a theft.
type renewal struct {
	began time.Time
	done  chan struct{}
}

// Token is the person's ID token, made anew where it is too old. What the provider refuses
// ends the session: the error is [ErrEnded] then, and ever after. One that is away ends
// nothing: a token that still counts is given after a moment, and at once while nobody asks
// the provider; after its end one attempt is waited for, and then the error is given at once
// until it is asked again.
func (s *Session) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	if s.over != nil || s.isFresh() {
		defer s.mu.Unlock()
		return s.tokens.ID, s.over
	}
	if s.tokens.Refresh == "" {
		ended := s.tokens.Claims.Expires
		s.mu.Unlock()
		return "", s.end(fault.New(signInAgain, "%w: the provider let you in until %s", ErrEnded,
			ended.UTC().Format(time.RFC3339)))
	}
	attempt, counts := s.renew(ctx), s.counts()
	s.mu.Unlock()
	if attempt != nil {
		attempt.wait(ctx, counts)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over != nil:
		return "", s.over
	case s.counts():
		return s.tokens.ID, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	return "", fault.New(fmt.Sprintf("load the page again in %s: you stay signed in here", s.rest()),
		"ask the provider whether you may still be in: %w", s.why())
}

// wait waits for its end; where a token still counts, for a moment of it.
func (r *renewal) wait(ctx context.Context, counts bool) {
	var enough <-chan time.Time
	if counts {
		enough = time.After(moment - time.Since(r.began))
	}
	select {
	case <-r.done:
	case <-enough:
	case <-ctx.Done():
	}
}

// isFresh, counts, rest, renew, leave and why are called with the session's lock.
func (s *Session) isFresh() bool {
	return signin.IsFresh(s.tokens.Claims.Issued, s.tokens.Claims.Expires, s.provider.now(), s.tokens.Refresh != "")
}

func (s *Session) counts() bool { return s.provider.now().Before(s.tokens.Claims.Expires) }

// rest is how long nobody is asked, for people.
func (s *Session) rest() time.Duration {
	return max(s.provider.rest(), s.until.Sub(s.provider.now()), time.Second).Round(time.Second)
}

// renew is the attempt that is under way, or one that begins; nil where there is to be none
// now. It is nobody's who waits for it: who closes a page would lose what the provider gave,
// and the old one, shown again, be a theft to it.
func (s *Session) renew(ctx context.Context) *renewal {
	if s.attempt != nil {
		return s.attempt
	}
	if s.provider.rest() > 0 || s.provider.now().Before(s.until) {
		return nil
	}
	r := &renewal{began: time.Now(), done: make(chan struct{})}
	s.attempt = r
	before := signin.Before{Refresh: s.tokens.Refresh, Subject: s.who.Subject}
	go func() {
		defer close(r.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
		defer cancel()
		var made signin.Tokens
		err := s.provider.ask(ctx, s.Owner(), func(ctx context.Context) (err error) {
			made, err = s.provider.client.Refresh(ctx, before)
			return err
		})
		s.renewed(made, err)
	}()
	return r
}

// leave has nobody asked for a while about a person whom the provider sends away.
func (s *Session) leave(err error) {
	var limited *signin.LimitedError
	if !errors.As(err, &limited) {
		return
	}
	rest := max(limited.After, min(firstRest<<min(s.limited, 8), mostRest))
	s.until = s.provider.now().Add(min(rest, withoutToken))
	s.limited++
}

// why is what a person is told whose token cannot be made anew now.
func (s *Session) why() error {
	if s.limited > 0 && s.provider.rest() == 0 {
		return &signin.LimitedError{}
	}
	return signin.ErrAway
}

// renewed enters what came of an attempt.
func (s *Session) renewed(made signin.Tokens, err error) {
	s.mu.Lock()
	s.attempt = nil
	refused := false
	if err != nil && made.Refresh != "" && s.over == nil {
		s.tokens.Refresh = made.Refresh
	}
	switch {
	case s.over != nil:
	case signin.IsAway(err):
		s.leave(err)
	case err == nil:
		if made.Refresh == "" {
			made.Refresh = s.tokens.Refresh
		}
		if err = s.provider.admit(made.Claims); err == nil {
			s.tokens, s.until, s.limited = made, time.Time{}, 0
		}
		refused = err != nil
	case errors.Is(err, signin.ErrNoToken) && s.counts():
		s.until = s.provider.now().Add(withoutToken)
	default:
		refused = true
	}
	s.mu.Unlock()
	if refused {
		_ = s.end(fault.New(signInAgain+"; if that does not go, ask who runs the provider", "%w: %w", ErrEnded, err))
	}
}
