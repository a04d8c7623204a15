package unseal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulla-dev/bulla/controllers/internal/loop"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// countingService grants everything and remembers what each request named.
type countingService struct {
	delay time.Duration
	err   error

	mu   sync.Mutex
	sent [][]string
}

// requests gives the digests of each request so far.
func (s *countingService) requests() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func (s *countingService) Renew(context.Context) (*keyservice.Credentials, error) { return nil, nil }

func (s *countingService) Unseal(_ context.Context, head string, digests []string) (*keyservice.Answers, error) {
	s.mu.Lock()
	s.sent = append(s.sent, digests)
	s.mu.Unlock()
	time.Sleep(s.delay)
	answers := &keyservice.Answers{Head: head, Results: map[string]keyservice.Result{}}
	for _, digest := range digests {
		answers.Results[digest] = keyservice.Result{}
	}
	return answers, s.err
}

// small are questions for stubs that are in Git.
func small(digests ...string) (questions []question) {
	for _, digest := range digests {
		questions = append(questions, question{digest: digest})
	}
	return questions
}

// TestNoRequestAsksForMoreThanAnAnswerHasRoomFor: the sizes stand in Git, so that nobody
// is refused for want of room, and waits.
func TestNoRequestAsksForMoreThanAnAnswerHasRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, b := &countingService{}, newBatcher(unsealWindow, nil)
		const third = protocol.MaxStubBytes / 3
		asked := []question{{"a", third}, {"b", third}, {"a", third}, {"c", third}, {"git", 0}, {"d", third}, {"e", third}}
		got, err := b.ask(t.Context(), service, "head", asked)
		if err != nil || len(got) != 6 {
			t.Errorf("%d answers, %v", len(got), err)
		}
		requests := service.requests()
		slices.SortFunc(requests, func(a, b []string) int { return slices.Compare(a, b) })
		if want := [][]string{{"a", "b", "c", "git"}, {"d", "e"}}; !slices.EqualFunc(requests, want, slices.Equal) {
			t.Errorf("requests %v, want %v", requests, want)
		}
	})
}

func TestQuestionsWithinAWindowAreOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, b := &countingService{}, newBatcher(unsealWindow, nil)
		for i := range 20 {
			go func() {
				got, err := b.ask(t.Context(), service, "head", small(fmt.Sprint(i), "shared"))
				if err != nil || len(got) != 2 {
					t.Errorf("question %d: %d answers, %v", i, len(got), err)
				}
			}()
		}
		synctest.Wait()
		if len(service.requests()) != 0 {
			t.Error("a request left before the window closed")
		}
		time.Sleep(unsealWindow)
		synctest.Wait()
		if len(service.requests()) != 1 || len(service.requests()[0]) != 21 {
			t.Errorf("requests are %v, want one of 21 stubs", service.requests())
		}
	})
}

func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, b := &countingService{}, newBatcher(unsealWindow, nil)
		var digests []string
		for i := range 2*maxBatch + 1 {
			digests = append(digests, fmt.Sprint(i))
		}
		got, err := b.ask(t.Context(), service, "head", small(digests...))
		if err != nil || len(got) != len(digests) {
			t.Errorf("%d answers, %v", len(got), err)
		}
		sizes := map[int]int{}
		for _, request := range service.requests() {
			sizes[len(request)]++
		}
		if sizes[maxBatch] != 2 || sizes[1] != 1 || len(sizes) != 2 {
			t.Errorf("requests by size are %v, want two of %d and one of 1", sizes, maxBatch)
		}
	})
}

func TestHeadsAreNotMixedInOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, b := &countingService{}, newBatcher(unsealWindow, nil)
		for _, head := range []string{"old", "new"} {
			go func() {
				got, err := b.ask(t.Context(), service, head, small("a"))
				if err != nil || got["a"].head != head {
					t.Errorf("head %s: answered at %q, %v", head, got["a"].head, err)
				}
			}()
		}
		time.Sleep(2 * unsealWindow)
		synctest.Wait()
		if len(service.requests()) != 2 {
			t.Errorf("%d requests, want 2", len(service.requests()))
		}
	})
}

func TestALeavingCallerDoesNotTakeTheRequestAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, b := &countingService{delay: time.Minute}, newBatcher(unsealWindow, nil)
		leaving, leave := context.WithCancel(t.Context())
		go func() {
			if _, err := b.ask(leaving, service, "head", small("a")); !errors.Is(err, context.Canceled) {
				t.Errorf("the leaving caller got %v", err)
			}
		}()
		go func() {
			if got, err := b.ask(t.Context(), service, "head", small("b")); err != nil || len(got) != 1 {
				t.Errorf("the staying caller got %d answers, %v", len(got), err)
			}
		}()
		time.Sleep(2 * unsealWindow)
		leave()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(service.requests()) != 1 {
			t.Errorf("%d requests, want 1", len(service.requests()))
		}
	})
}

func TestAFailedRequestFailsAllThatShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		service, b := &countingService{err: gone}, newBatcher(unsealWindow, nil)
		for i := range 3 {
			go func() {
				if _, err := b.ask(t.Context(), service, "head", small(fmt.Sprint(i))); !errors.Is(err, gone) {
					t.Errorf("question %d got %v", i, err)
				}
			}()
		}
		time.Sleep(2 * unsealWindow)
		synctest.Wait()
		if len(service.requests()) != 1 {
			t.Errorf("%d requests, want 1", len(service.requests()))
		}
	})
}

// TestAServiceThatAsksToBeLeftAloneIs: one Delivery is told when to come back, and
// no other asks in its place before that.
func TestAServiceThatAsksToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &countingService{err: &keyservice.UnavailableError{Err: errors.New("overloaded"), RetryAfter: 40 * time.Second}}
		b := newBatcher(unsealWindow, nil)
		ask := func(digest string) error {
			_, err := b.ask(t.Context(), service, "head", small(digest))
			return err
		}
		if got := keyservice.RetryAfter(requestErrorCause(ask("a"))); got != 40*time.Second {
			t.Fatalf("told to come back in %s", got)
		}
		time.Sleep(10 * time.Second)
		if got := keyservice.RetryAfter(ask("b")); got > 30*time.Second || got <= 0 {
			t.Errorf("another Delivery is told %s", got)
		}
		if n := len(service.requests()); n != 1 {
			t.Errorf("%d requests while it wants to be left alone", n)
		}
		time.Sleep(31 * time.Second)
		service.err = nil
		if err := ask("b"); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}

// requestErrorCause is what a Delivery's pass sees of a request's failure.
func requestErrorCause(err error) error {
	var failed *loop.Error
	if errors.As(requestError(err), &failed) {
		return failed.Err
	}
	return err
}
