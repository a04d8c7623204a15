package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	// tries is how often one is sent, firstPause doubles between them.
	tries      = 5
	firstPause = time.Second
	// sendTimeout bounds one request.
	sendTimeout = 10 * time.Second
	// maxAnswer is how much is read of an answer, so that its connection is used again.
	maxAnswer = 16 << 10
)

// Observer sees what becomes of notices.
type Observer interface {
	// Notified counts a notice by the type of its receiver: sent, failed, folded into a
	// newer one, dropped.
	Notified(kind, result string)
}

// Sender brings notices to one receiver, in their order.
type Sender struct {
	provider Provider
	queue    *queue
	client   *http.Client
	seen     Observer
	// lost is told of one that was given up, and why.
	lost  func(provider, kind, why string)
	pause time.Duration
}

// NewSender sends to a provider that was checked. lost is told of each notice that is
// given up: the provider, its type, and why, without its address.
func NewSender(p Provider, seen Observer, lost func(provider, kind, why string)) *Sender {
	return &Sender{provider: p, queue: newQueue(p), seen: seen, lost: lost, pause: firstPause,
		client: &http.Client{Timeout: sendTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // who answers must not choose who else gets the token
		}}}
}

// Sets are those that the receiver is to hear of; isForge says whether it hears of sets.
func (s *Sender) Sets() (sets []string, isForge bool) { return s.provider.Sets, s.provider.isForge() }

// Offer queues a notice, or drops it. It never waits.
func (s *Sender) Offer(n Notice) {
	if !s.provider.wants(n) {
		return
	}
	if result := s.queue.put(n); result != "" {
		s.seen.Notified(s.provider.Type, result)
	}
}

// Run sends until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	for ctx.Err() == nil {
		n, ok, again := s.queue.take(time.Now())
		if ok {
			s.send(ctx, n)
			continue
		}
		var due <-chan time.Time
		if again > 0 {
			due = time.After(again)
		}
		select {
		case <-s.queue.wake:
		case <-due:
		case <-ctx.Done():
		}
	}
}

// permanent is a refusal that the same request will meet again.
type permanent struct{ status int }

func (p permanent) Error() string { return fmt.Sprintf("the receiver answered %d", p.status) }

// send tries a few times. An error names the provider, and never its address: that of a
// chat is a password.
func (s *Sender) send(ctx context.Context, n Notice) {
	pause, err := s.pause, error(nil)
	for try := range tries {
		if err = s.once(ctx, n); err == nil {
			s.seen.Notified(s.provider.Type, "sent")
			return
		}
		if errors.As(err, new(permanent)) || try == tries-1 || ctx.Err() != nil {
			break
		}
		timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // jitter, not a secret
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		pause *= 2
	}
	s.seen.Notified(s.provider.Type, "failed")
	s.lost(s.provider.Name, s.provider.Type, err.Error())
}

func (s *Sender) once(ctx context.Context, n Notice) error {
	request, err := s.provider.request(n)
	if err != nil {
		return permanent{}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	answer, err := s.client.Do(request.WithContext(ctx))
	if err != nil {
		return errors.New("the receiver does not answer")
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	switch {
	case answer.StatusCode < 300:
		return nil
	case answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode >= 500:
		return fmt.Errorf("the receiver answered %d", answer.StatusCode)
	}
	return permanent{answer.StatusCode}
}

// post is a request of a body.
func post(url, contentType string, body []byte) (*http.Request, error) {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body)) //nolint:noctx // the sender gives it one
	if err != nil {
		return nil, errors.New("the address is no URL")
	}
	request.Header.Set("Content-Type", contentType)
	return request, nil
}
