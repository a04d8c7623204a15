package keyservice

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// cutPatience is how long a connection that is cut may take to bring its last
// answers out.
const cutPatience = 2 * time.Second

// connections are those that showed a cluster's certificate, so that a head which
// takes the cluster out of the fleet, or another key in, ends them. Every request
// asks the head too: this ends what a connection holds beside requests, and the
// answers under way.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]*connection
	// last is the model of the head before: only who was let in by it is cut.
	last *model.Model
}

type connection struct {
	who      authority.Cluster
	requests int
	cut      bool
}

func newConnections() *connections { return &connections{open: map[net.Conn]*connection{}} }

// admit takes a connection in, after its handshake.
func (c *connections) admit(conn net.Conn, who authority.Cluster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = &connection{who: who}
}

// forget is for [http.Server.ConnState].
func (c *connections) forget(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, rawConn(conn))
}

func rawConn(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

type connKey struct{}

// withConn is for [http.Server.ConnContext].
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, rawConn(conn))
}

// begin counts a request in; call end when it is done. The writer it returns says
// that the connection ends with the answer if it was cut meanwhile.
func (c *connections) begin(w http.ResponseWriter, r *http.Request) (writer http.ResponseWriter, end func()) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.open[conn]
	if known == nil {
		return w, func() {}
	}
	known.requests++
	return &lastAnswer{ResponseWriter: w, isLast: func() bool { return c.isCut(known) }}, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		known.requests--
	}
}

func (c *connections) isCut(known *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return known.cut
}

// lastAnswer asks for the end of the connection with the answer's header: over
// HTTP/2 the server then says GOAWAY.
type lastAnswer struct {
	http.ResponseWriter
	isLast func() bool
	begun  bool
}

func (w *lastAnswer) begin() {
	if !w.begun && w.isLast() {
		w.Header().Set("Connection", "close")
	}
	w.begun = true
}

func (w *lastAnswer) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

func (w *lastAnswer) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *lastAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// cut ends the connections of clusters that a head does not let in any more.
// Requests under way get a moment to say so.
func (c *connections) cut(at *model.Model) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, n := c.last, 0
	c.last = at
	for conn, known := range c.open {
		if known.cut || !hasLost(known.who, before, at) {
			continue
		}
		known.cut = true
		n++
		if known.requests == 0 {
			_ = conn.Close()
			continue
		}
		time.AfterFunc(cutPatience, func() { _ = conn.Close() })
	}
	return n
}

// hasLost reports whether a cluster was let in before and is not now. One that
// waits for its file to be merged has nothing to lose.
func hasLost(who authority.Cluster, before, now *model.Model) bool {
	if before == nil {
		return false
	}
	_, was := heads.Admit(before, who.Name, who.Identity)
	_, is := heads.Admit(now, who.Name, who.Identity)
	return was == "" && is != ""
}
