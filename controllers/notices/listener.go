// Package notices hears from the key service that another head is accepted, so that a
// cluster which no forge reaches looks at Git when there is something to see.
//
// What the service says is a reason to look, and nothing else: which head counts here is
// found by this cluster's own rule. Nothing waits for it. While it cannot be had, the
// interval of the FleetSync is what is left.
package notices

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

const (
	// leastPause is between two calls: a service that answers each at once, whatever
	// ails it, has this cluster look once a second.
	leastPause = time.Second
	// firstRetry doubles up to longestRetry. A fleet loses its calls in one moment when
	// the service restarts, and comes back over some seconds.
	firstRetry   = 2 * time.Second
	longestRetry = 2 * time.Minute
	// refusedRetry is for a cluster that the fleet does not have (yet), and
	// unknownRetry for a service that tells nobody: one of before, until it is replaced.
	refusedRetry = 2 * time.Minute
	unknownRetry = 10 * time.Minute
)

// Awaits is what a key service that tells of heads can do beside [unseal.KeyService];
// *keyservice/client.Client can.
type Awaits interface {
	// AwaitHead returns when another head is accepted than known, or after a while with
	// the same; ErrNoNotices of package client where there is no such call.
	AwaitHead(ctx context.Context, known string) (head string, err error)
}

// Listener holds a call at the key service for as long as it runs. It is a manager's
// Runnable, of the leader only.
type Listener struct {
	Link      *unseal.Link
	Snapshots *view.Snapshots
	// Moved is told of a head that is not this cluster's. It must not block.
	Moved   func(head string)
	Metrics *metrics.Metrics
	// Least is the pause between two calls, and Retry the first one after a failure; 0
	// for the product's.
	Least, Retry time.Duration

	// told is the head that was told of last: one that this cluster refuses must not be
	// told of again and again.
	told     string
	failures int
}

// Start listens until ctx ends.
func (l *Listener) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithName("notices")
	moved, answered := make(chan struct{}, 1), make(chan struct{}, 1)
	l.Snapshots.OnStore(func(_, _ *view.Snapshot) { nudge(moved) })
	l.Link.OnAnswer(func() { nudge(answered) })
	for ctx.Err() == nil {
		service, replaced := l.Link.Hold()
		awaits, ok := service.(Awaits)
		if !ok { // not enrolled yet
			sleep(ctx, unknownRetry, replaced)
			continue
		}
		drain(moved, answered)
		began := time.Now()
		err := l.await(ctx, awaits, replaced)
		if err != nil && l.failures == 1 {
			log.Info("the key service does not tell of heads: the repository is polled", "why", say.Steady(err).Error())
		}
		pause := l.pause(err, time.Since(began))
		switch {
		case err == nil:
			sleep(ctx, pause, replaced)
		case isRefusal(err):
			// Another head may have this cluster, and so may the service, which saw it when
			// it answered somebody here.
			sleep(ctx, pause, replaced, moved, answered)
		default:
			// What it answered before it failed is no sign: a fleet would come back as one.
			drain(answered)
			sleep(ctx, pause, replaced, answered)
		}
	}
	return nil
}

// await holds one call, until it is answered or the connection is replaced.
func (l *Listener) await(ctx context.Context, service Awaits, replaced <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-replaced:
			cancel()
		case <-ctx.Done():
		}
	}()
	known := l.known()
	head, err := service.AwaitHead(ctx, known)
	switch {
	case err != nil && ctx.Err() != nil: // replaced, or the end
		return nil
	case err != nil:
		l.failures++
		l.Metrics.Notice(result(err), false)
		return err
	}
	l.failures, l.told = 0, head
	if head == known {
		l.Metrics.Notice("unmoved", true)
		return nil
	}
	l.Metrics.Notice("told", true)
	if snapshot := l.Snapshots.Load(); snapshot == nil || snapshot.Head != head {
		l.Moved(head)
	}
	return nil
}

// known is the head that the service is asked to go beyond.
func (l *Listener) known() string {
	if l.told != "" {
		return l.told
	}
	if snapshot := l.Snapshots.Load(); snapshot != nil {
		return snapshot.Head
	}
	return ""
}

// pause is between a call that took so long and the next.
func (l *Listener) pause(err error, took time.Duration) time.Duration {
	if err == nil {
		return max(0, cmp.Or(l.Least, leastPause)-took)
	}
	retry := min(longestRetry, cmp.Or(l.Retry, firstRetry)<<min(l.failures-1, 10))
	switch {
	case errors.Is(err, keyservice.ErrNoNotices):
		retry = unknownRetry
	case isRefusal(err):
		retry = refusedRetry
	}
	// Half to one and a half of it: a fleet that lost its calls together.
	jittered := retry/2 + rand.N(retry) //nolint:gosec // jitter, not a secret
	return max(jittered, keyservice.RetryAfter(err))
}

// result is how a failure is counted.
func result(err error) string {
	switch {
	case errors.Is(err, keyservice.ErrNoNotices):
		return "unsupported"
	case isRefusal(err):
		return "refused"
	}
	return "failed"
}

// isRefusal: the service answered, and the head that it stands at does not have this
// cluster. Another head may.
func isRefusal(err error) bool {
	var denied *keyservice.DeniedError
	return errors.As(err, &denied)
}

// sleep waits for d, the end, another connection, or one of what else there is.
func sleep(ctx context.Context, d time.Duration, replaced <-chan struct{}, wakes ...<-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for len(wakes) < 2 {
		wakes = append(wakes, nil)
	}
	select {
	case <-ctx.Done():
	case <-replaced:
	case <-wakes[0]:
	case <-wakes[1]:
	case <-timer.C:
	}
}

// nudge leaves one message, if there is none; drain takes it away.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func drain(channels ...<-chan struct{}) {
	for _, c := range channels {
		select {
		case <-c:
		default:
		}
	}
}
