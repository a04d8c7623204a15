package unseal

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

const (
	// maxBatch is how many stubs go into one request: large enough to share the
	// round trip, small enough to leave the token to other clusters between two.
	maxBatch = 100
	// maxRequests bounds the requests of this cluster in flight.
	maxRequests = 4
	// requestTimeout bounds one request, whoever waits for it.
	requestTimeout = 2 * time.Minute
)

// answer is the result for one stub, with the head and the fleet of the request
// that it came with.
type answer struct {
	client.Result
	fleet, head string
}

// batcher makes few requests of many questions. It is safe for concurrent use.
type batcher struct {
	window  time.Duration
	metrics *metrics.Metrics
	flight  chan struct{}

	mu *sync.Mutex
	// quiet is until when the service asked to be left alone.
	quiet time.Time
	open  map[batchKey]*batch // by what they may share; still taking questions
}

// batchKey keeps apart what no request may mix: a new connection after a
// renewal, and Deliveries that work at different heads.
type batchKey struct {
	service KeyService
	head    string
}

type batch struct {
	digests []string
	has     map[string]bool
	bytes   int64 // of stubs from the store that come with the answer
	done    chan struct{}
	// answers and err are set before done is closed.
	answers *client.Answers
	err     error
}

func newBatcher(window time.Duration, metrics *metrics.Metrics) batcher {
	return batcher{
		window: window, metrics: metrics, flight: make(chan struct{}, maxRequests),
		mu: &sync.Mutex{}, open: map[batchKey]*batch{},
	}
}

// question is for one stub.
type question struct {
	digest string
	// size is how many bytes come with the answer, of a stub that is in the store.
	size int64
}

// ask gives the answer for each digest. It waits for the window and the request;
// a caller that leaves does not take the request from the others.
func (b *batcher) ask(ctx context.Context, service KeyService, head string, questions []question) (map[string]answer, error) {
	if wait := b.silence(); wait > 0 {
		return nil, &client.UnavailableError{Err: errors.New("it asked to be left alone for a while"), RetryAfter: wait}
	}
	joined := map[*batch][]string{}
	for _, q := range questions {
		into := b.join(batchKey{service, head}, q)
		joined[into] = append(joined[into], q.digest)
	}
	results := make(map[string]answer, len(questions))
	for batch, mine := range joined {
		select {
		case <-batch.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if batch.err != nil {
			return nil, batch.err
		}
		for _, digest := range mine {
			result, ok := batch.answers.Results[digest]
			if !ok {
				return nil, errors.New("read key service answer: a digest is missing")
			}
			results[digest] = answer{Result: result, fleet: batch.answers.Fleet, head: batch.answers.Head}
		}
	}
	return results, nil
}

// silence is how long nothing is to be asked yet.
func (b *batcher) silence() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Until(b.quiet)
}

// heed takes note of when the service wants to be asked again: the other
// Deliveries must not ask in the place of the one that it told.
func (b *batcher) heed(err error) {
	wait := client.RetryAfter(err)
	if wait <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := time.Now().Add(wait); until.After(b.quiet) {
		b.quiet = until
	}
}

// join puts a question into the open batch, opening one when there is none. A full
// batch leaves at once, and so does one whose answer has no room for what comes with
// this one.
func (b *batcher) join(key batchKey, q question) *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	current := b.open[key]
	if current != nil && !current.has[q.digest] && current.bytes+q.size > protocol.MaxStubBytes {
		delete(b.open, key)
		go b.request(key, current)
		current = nil
	}
	if current == nil {
		current = &batch{has: map[string]bool{}, done: make(chan struct{})}
		b.open[key] = current
		time.AfterFunc(b.window, func() { b.send(key, current) })
	}
	if !current.has[q.digest] {
		current.has[q.digest] = true
		current.bytes += q.size
		current.digests = append(current.digests, q.digest)
	}
	if len(current.digests) == maxBatch {
		delete(b.open, key)
		go b.request(key, current)
	}
	return current
}

// send closes the window, unless the batch left full before.
func (b *batcher) send(key batchKey, current *batch) {
	b.mu.Lock()
	mine := b.open[key] == current
	if mine {
		delete(b.open, key)
	}
	b.mu.Unlock()
	if mine {
		b.request(key, current)
	}
}

func (b *batcher) request(key batchKey, current *batch) {
	defer close(current.done)
	b.flight <- struct{}{}
	defer func() { <-b.flight }()
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	current.answers, current.err = key.service.Unseal(ctx, key.head, current.digests)
	b.heed(current.err)
	result := "answered"
	if current.err != nil {
		result = "failed"
	}
	if errors.As(current.err, new(*client.LogError)) || errors.As(current.err, new(*client.MemoryError)) {
		result = "mismatch" // an alarm
	}
	b.metrics.Request(result, len(current.digests))
}
