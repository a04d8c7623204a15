package heads

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// standardLookEvery bounds how often requests make the service ask Git: callers
	// who invent revisions cannot hammer the remote.
	standardLookEvery = time.Second
	lookBurst         = 3
	// lookPatience is how long a request waits for that before it is decided at
	// the head we have.
	lookPatience = 10 * time.Second
)

// looking is when the remote is looked at, and who waits for it.
//
//   - One look at a time. Who asks while one is under way shares the next, which began
//     after they asked.
//   - A look ends with the service, and never with the request that caused it.
//   - Callers who invent revisions cause a bounded number of looks.
type looking struct {
	looks coalescer
	// turns bounds how often looks begin.
	turns *rate.Limiter
	// first is closed, by ended, when the first look of this process has ended,
	// however it did.
	first chan struct{}
	ended func()
	// life ends with the service.
	life context.Context
}

// start begins a life, in which look is how one looks. Nothing is looked at yet.
func (l *looking) start(life context.Context, every time.Duration, look func() error) {
	l.life = life
	l.turns = rate.NewLimiter(rate.Every(cmp.Or(every, standardLookEvery)), lookBurst)
	l.looks.run = look
	l.first = make(chan struct{})
	l.ended = sync.OnceFunc(func() { close(l.first) })
}

// ask has the remote looked at for a request, which waits for [lookPatience].
func (l *looking) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	return l.looks.do(ctx)
}

// turn waits until a look may begin.
func (l *looking) turn() error { return l.turns.Wait(l.life) }
