package heads

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoAsksDuringARunSharesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		c := &coalescer{run: func() error { runs++; time.Sleep(time.Second); return nil }}
		var group sync.WaitGroup
		group.Go(func() { _ = c.do(t.Context()) })
		time.Sleep(time.Millisecond)
		for range 100 {
			group.Go(func() {
				if err := c.do(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if runs != 2 {
			t.Errorf("%d runs for 101 callers, want 2", runs)
		}
	})
}

func TestWhoLeavesDoesNotStopTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished atomic.Bool
		c := &coalescer{run: func() error { time.Sleep(time.Minute); finished.Store(true); return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.do(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the caller's deadline", err)
		}
		time.Sleep(2 * time.Minute)
		if !finished.Load() {
			t.Error("the run was stopped")
		}
	})
}
