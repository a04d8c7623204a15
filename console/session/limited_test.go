package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/desk/signin"
)

// TestWhoIsSentAwayIsSoAlone: one person whom the provider always answers with 429 keeps
// nobody from their token, also while others ask whether it is back. When it sends away each
// who comes, it is left alone as one that does not answer.
func TestWhoIsSentAwayIsSoAlone(t *testing.T) {
	p := aProvider()
	ask := func(owner string, answer error) (asked bool, err error) {
		err = p.ask(t.Context(), owner, func(context.Context) error { asked = true; return answer })
		return asked, err
	}
	limited := &signin.LimitedError{}
	for range 10 {
		if asked, err := ask("ada", limited); !asked || !signin.IsAway(err) || p.rest() != 0 {
			t.Fatalf("asked %v, %v, and then all rest for %v", asked, err, p.rest())
		}
	}
	if asked, err := ask("bob", nil); !asked || err != nil {
		t.Fatalf("bob: asked %v, %v", asked, err)
	}
	// Three who are sent away, and nobody who is not.
	for _, owner := range []string{"ada", "bob"} {
		if _, _ = ask(owner, limited); p.rest() != 0 {
			t.Errorf("after %s all rest for %v", owner, p.rest())
		}
	}
	if _, _ = ask("cid", limited); p.rest() == 0 {
		t.Error("it sends everybody away, and is asked on")
	}
	if asked, err := ask("dan", nil); asked || !errors.Is(err, signin.ErrAway) {
		t.Errorf("dan: asked %v, %v", asked, err)
	}
	now := time.Now().Add(time.Minute)
	p.now = func() time.Time { return now }
	if asked, err := ask("dan", nil); !asked || err != nil || p.rest() != 0 || len(p.limited) != 0 {
		t.Errorf("back: asked %v, %v, rest %v", asked, err, p.rest())
	}
	// Whoever finds out whether it is back may be the one with the bad luck.
	_, _ = ask("dan", signin.ErrAway)
	now = now.Add(time.Minute)
	_, _ = ask("ada", limited)
	if asked, err := ask("bob", nil); !asked || err != nil {
		t.Errorf("after ada found it back: asked %v, %v", asked, err)
	}
}

// TestWhoIsSentAwayIsLeftAloneForAWhile, as long as the provider says, within bounds, and is
// told so once their token ended.
func TestWhoIsSentAwayIsLeftAloneForAWhile(t *testing.T) {
	now := time.Now()
	p := aProvider()
	p.now = func() time.Time { return now }
	s := newSession(p, tokensOf("u-ada", now.Add(-time.Second)))
	for _, c := range []struct{ said, rest time.Duration }{{0, firstRest}, {0, 2 * firstRest},
		{90 * time.Second, 90 * time.Second}, {time.Hour, withoutToken}, {0, mostRest}} {
		s.renewed(signin.Tokens{}, &signin.LimitedError{After: c.said})
		if got := s.until.Sub(now); got != c.rest {
			t.Errorf("told %v, it is left alone for %v, want %v", c.said, got, c.rest)
		}
	}
	_, err := s.Token(t.Context())
	if !errors.As(err, new(*signin.LimitedError)) || s.over != nil {
		t.Errorf("told %v, over: %v", err, s.over)
	}
	s.renewed(tokensOf("u-ada", now.Add(time.Hour)), nil)
	if raw, err := s.Token(t.Context()); raw == "" || err != nil || s.limited != 0 || !s.until.IsZero() {
		t.Errorf("after it gave one: %v, %d, %v", err, s.limited, s.until)
	}
}
