package turnstile

import (
	"errors"
	"net"
	"sync"
)

const (
	// MaxStrangers bounds connections whose handshake is not done: what a flood of
	// them costs in memory and processor time is bounded by it. Each has as long as
	// ReadHeaderTimeout (net/http bounds the handshake by it).
	MaxStrangers = 512
	// maxAnonymous bounds connections without a client certificate: they can enrol,
	// and nothing else.
	maxAnonymous = 256
)

// Doorway bounds open connections: all, and of those the ones that have not shown
// a certificate yet. Beyond, they wait in the kernel. One whose address has its
// share of those without a certificate is closed at once: waiting would hold up
// everybody behind it.
type Doorway struct {
	net.Listener
	all, strangers chan struct{}
	anonymous      chan struct{}
	shares         shares
	refused        func() // is called for each connection beyond its share
	closed         chan struct{}
	once           sync.Once
}

// NewDoorway stands before a listener. refused is called for each connection that
// is closed since its address has its share.
func NewDoorway(l net.Listener, limits Limits, refused func()) *Doorway {
	return &Doorway{Listener: l, all: make(chan struct{}, limits.Connections), strangers: make(chan struct{}, min(limits.Connections, MaxStrangers)),
		anonymous: make(chan struct{}, maxAnonymous), closed: make(chan struct{}),
		shares: shares{most: limits.StrangersPerAddress, of: map[string]int{}}, refused: refused}
}

// Accept waits for a place before it takes a connection.
func (d *Doorway) Accept() (net.Conn, error) {
	for _, places := range []chan struct{}{d.all, d.strangers} {
		select {
		case places <- struct{}{}:
		case <-d.closed:
			return nil, net.ErrClosed
		}
	}
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			<-d.all
			<-d.strangers
			return nil, err
		}
		address := SourceOf(conn.RemoteAddr().String())
		if d.shares.take(address) {
			return &guest{Conn: conn, door: d, address: address, stands: d.strangers}, nil
		}
		d.refused()
		_ = conn.Close()
	}
}

// Close ends Accept too while it waits for a place.
func (d *Doorway) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// guest is one connection, with its places.
type guest struct {
	net.Conn
	door    *Doorway
	address string

	mu     sync.Mutex
	stands chan struct{} // where it is counted beside all; nil when known
	gone   bool
}

// errCrowded refuses a handshake.
var errCrowded = errors.New("too many connections without a client certificate")

// shown moves a connection on after its handshake. One without a certificate is
// refused when there are too many of those.
func (g *guest) shown(certificate bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone || g.stands != g.door.strangers {
		return nil
	}
	if certificate {
		g.leaveStrangers()
		return nil
	}
	select {
	case g.door.anonymous <- struct{}{}:
	default:
		return errCrowded
	}
	<-g.stands
	g.stands = g.door.anonymous
	return nil
}

// leaveStrangers gives back what is kept for those without a certificate.
func (g *guest) leaveStrangers() {
	<-g.stands
	g.stands = nil
	g.door.shares.give(g.address)
}

// Close gives the places back, once.
func (g *guest) Close() error {
	g.mu.Lock()
	if !g.gone {
		g.gone = true
		<-g.door.all
		if g.stands != nil {
			g.leaveStrangers()
		}
	}
	g.mu.Unlock()
	return g.Conn.Close()
}

// Shown says of a connection of any listener whether its handshake showed a
// certificate; an error refuses it.
func Shown(conn net.Conn, certificate bool) error {
	if g, ok := conn.(*guest); ok {
		return g.shown(certificate)
	}
	return nil
}
