package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

const notifySecret = "what the receiver and the controller know"

// notified is what a receiver of notifications got.
type notified struct {
	mu  sync.Mutex
	all strings.Builder
	// providers is the file that the controller is given; "" for none.
	providers string
}

func (n *notified) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all.Write(append(body, '\n'))
}

func (n *notified) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all.String()
}

// takeNotifications listens for CloudEvents, and writes the file that has them sent.
func (w *processWorld) takeNotifications() {
	w.Helper()
	server := httptest.NewServer(&w.notified)
	w.Cleanup(server.Close)
	w.write("notify-secret", notifySecret)
	w.notified.providers = w.path("providers.yaml")
	w.write("providers.yaml", "providers:\n- {name: all, type: cloudevents, secretFile: notify-secret, address: "+
		server.URL+"}\n")
}
