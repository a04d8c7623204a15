package lookcmd_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestWatchesThatEndAtOnceAreNotBegunAtOnce: the second comes a second after the first, or
// later.
func TestWatchesThatEndAtOnceAreNotBegunAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var watches atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("watch") != "" {
			if watches.Add(1) > 1 {
				cancel()
			}
			return
		}
		fmt.Fprint(w, `{"apiVersion":"bulla.dev/v1alpha1","kind":"DeliveryList","metadata":{"resourceVersion":"1"},`+
			`"items":[]}`)
	}))
	t.Cleanup(s.Close)
	began := time.Now()
	_, _, err := look(ctx, "get", "deliveries", "-w", "--kubeconfig", kubeconfig(t, s.URL), "-n", "n")
	if watches.Load() < 2 {
		t.Fatalf("%d watches: %v", watches.Load(), err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("two watches began within %v", took)
	}
}
