package keyservice

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/metrics"
	"github.com/bulla-dev/bulla/keyservice/receiver"
)

// pushes makes looks of webhooks. However many come while a look is under way, one
// look follows it: it began after all of them, so it sees what each of them told of.
type pushes struct {
	listener net.Listener
	receiver *receiver.Receiver
	waiting  chan struct{}
	// heard is when a hook was heard last, by its name.
	mu    sync.Mutex
	heard map[string]time.Time
	log   *slog.Logger
}

func newPushes(o Options, m *metrics.Metrics) *pushes {
	p := &pushes{listener: o.Receiver, waiting: make(chan struct{}, 1), log: o.Log, heard: map[string]time.Time{}}
	p.receiver = receiver.New(receiver.Options{
		Hooks: o.Hooks, Log: o.Log, Push: func(hook string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.heard[hook] = o.Now()
			p.note()
		},
		Observe: func(r receiver.Result) { m.Head.Hooked(string(r)) },
	})
	return p
}

func (p *pushes) note() {
	select {
	case p.waiting <- struct{}{}:
	default: // the look that waits is for this one too
	}
}

// follow looks until ctx ends.
func (p *pushes) follow(ctx context.Context, look func(context.Context) error) {
	for {
		select {
		case <-p.waiting:
		case <-ctx.Done():
			return
		}
		if err := look(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("look after a webhook failed", "error", err.Error())
		}
	}
}

// parts is one for each webhook: when it was heard last. One that was never heard may
// be new, or have the wrong secret at the forge.
func (p *pushes) parts(now time.Time) (all []part) {
	if p.listener == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, hook := range p.receiver.Hooks {
		one := part{"webhook " + hook.Name, keyservicev1.Fitness_FITNESS_NOTE,
			"nothing was heard of it since this replica started"}
		if at, ok := p.heard[hook.Name]; ok {
			one.fitness = keyservicev1.Fitness_FITNESS_OK
			one.says = "heard " + now.Sub(at).Round(time.Second).String() + " ago"
		}
		all = append(all, one)
	}
	return all
}
