package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	keyservice "github.com/bulla-dev/bulla/keyservice/client"
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

func TestQuestionsWithinAWindowAreOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, b := &countingService{}, newBatcher(unsealWindow, nil)
		for i := range 20 {
			go func() {
				got, err := b.ask(t.Context(), service, "head", []string{fmt.Sprint(i), "shared"})
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
		got, err := b.ask(t.Context(), service, "head", digests)
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
				got, err := b.ask(t.Context(), service, head, []string{"a"})
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
			if _, err := b.ask(leaving, service, "head", []string{"a"}); !errors.Is(err, context.Canceled) {
				t.Errorf("the leaving caller got %v", err)
			}
		}()
		go func() {
			if got, err := b.ask(t.Context(), service, "head", []string{"b"}); err != nil || len(got) != 1 {
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
				if _, err := b.ask(t.Context(), service, "head", []string{fmt.Sprint(i)}); !errors.Is(err, gone) {
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
