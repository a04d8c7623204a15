package keyservice

import (
	"context"
	"log/slog"
	"net"

	"github.com/bulla-dev/bulla/keyservice/metrics"
	"github.com/bulla-dev/bulla/keyservice/receiver"
)

// pushes makes looks of webhooks. However many come while a look is under way, one
// look follows it: it began after all of them, so it sees what each of them told of.
type pushes struct {
	listener net.Listener
	receiver *receiver.Receiver
	waiting  chan struct{}
	log      *slog.Logger
}

func newPushes(o Options, m *metrics.Metrics) *pushes {
	p := &pushes{listener: o.Receiver, waiting: make(chan struct{}, 1), log: o.Log}
	p.receiver = receiver.New(receiver.Options{
		Hooks: o.Hooks, Log: o.Log, Push: func(string) { p.note() },
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
