package guard

import (
	"log"
	"net/http"
	"time"
)

// Server serves behind the guards, with an end for everything: a body that comes byte by
// byte holds a connection for 30 s at most.
func Server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// What it would say quotes what strangers sent.
		ErrorLog: log.New(nothing{}, "", 0),
	}
}

type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
