package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
)

// holdRefusedPIN stays, alive and not ready, until it is stopped. What starts programs
// again when they end (Kubernetes, systemd) would try the refused PIN each time, and
// after a few the token locks; some are then erased.
func holdRefusedPIN(ctx context.Context, address string, refused error, log *slog.Logger) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(refused, fmt.Errorf("listen for health: %w", err))
	}
	log.Error("the PIN was refused; nothing is served, and it is not tried again", "error", refused.Error(),
		"hint", "correct the PIN, then restart: in Kubernetes `kubectl rollout restart`, and no deletion of this pod before")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready: token: it refused the PIN, which is not tried again before a restart")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(refused, fmt.Errorf("serve health: %w", err))
	}
	return fault.WithHint(refused, hintOf(refused))
}
