package console

import (
	"context"
	"sync"
	"time"
)

// lookWithin bounds the key service's look at Git, mostLooks what is remembered of looks.
const lookWithin, mostLooks = time.Minute, 500

// looks have the key service look at Git for who waits for a merge, or they would wait for its
// interval too: once for each person and commit, since each is an entry of the audit log. The
// zero value is ready.
type looks struct {
	mu sync.Mutex
	of map[lookedFor]*look
}

type lookedFor struct {
	asked
	commit string
}

type look struct{ failed bool }

// tell has it look, and waits for nothing. It says whether the service was told, as far as is
// known by now; then is called when it has looked.
func (l *looks) tell(ctx context.Context, service Service, what lookedFor, then func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.of[what]; one != nil {
		return !one.failed
	}
	if l.of == nil || len(l.of) >= mostLooks {
		l.of = map[lookedFor]*look{}
	}
	l.of[what] = &look{}
	one := l.of[what]
	go func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
		defer cancel()
		_, err := service.Look(within)
		l.mu.Lock()
		one.failed = err != nil // who may not: it looks by itself
		l.mu.Unlock()
		if err == nil {
			then()
		}
	}()
	return true
}

// old has the next page ask the key service again for what a person is shown.
func (a *answers) old(of asked) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for q, one := range a.of {
		if q.fleet == of.fleet && q.owner == of.owner && q.person == of.person {
			one.mu.Lock()
			one.tried = time.Time{}
			one.mu.Unlock()
		}
	}
}
