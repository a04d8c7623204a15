package turnstile

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
)

func doorwayOn(t *testing.T, connections int) *Doorway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := NewDoorway(l, Limits{Connections: connections}, func() {})
	t.Cleanup(func() { d.Close() })
	return d
}

func knock(t *testing.T, d *Doorway) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestConnectionsBeyondTheBoundWaitOutside(t *testing.T) {
	d := doorwayOn(t, 2)
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			conn, err := d.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- conn
		}
	}()
	for range 3 {
		knock(t, d)
	}
	first := <-accepted
	<-accepted
	if len(d.all) != 2 {
		t.Fatalf("%d places taken", len(d.all))
	}
	select {
	case <-accepted:
		t.Fatal("a third came in")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // gives its place back once
	third, ok := <-accepted
	if !ok || len(d.all) != 2 {
		t.Fatalf("the third did not come in; %d places taken", len(d.all))
	}
	third.Close()
	d.Close()
	if _, ok := <-accepted; ok {
		t.Error("somebody came in after the end")
	}
}

// visit is one connection from an address.
type visit struct {
	net.Conn
	from   string
	closed bool
}

func (v *visit) RemoteAddr() net.Addr { return visitor(v.from) }
func (v *visit) Close() error         { v.closed = true; return nil }

type visitor string

func (visitor) Network() string  { return "tcp" }
func (v visitor) String() string { return string(v) }

// visits is a listener that knows who comes.
type visits []*visit

func (l *visits) Accept() (net.Conn, error) {
	if len(*l) == 0 {
		return nil, net.ErrClosed
	}
	next := (*l)[0]
	*l = (*l)[1:]
	return next, nil
}

func (*visits) Close() error   { return nil }
func (*visits) Addr() net.Addr { return visitor("here") }

// TestOneAddressCannotHoldTheDoor: handshakes that stay silent would keep every
// cluster waiting outside.
func TestOneAddressCannotHoldTheDoor(t *testing.T) {
	for name, c := range map[string]struct {
		share                    int
		flood, neighbour, others string
	}{
		"an IPv4 address":                  {64, "192.0.2.7:%d", "192.0.2.7:60000", "192.0.2.8:1"},
		"an IPv6 network":                  {64, "[2001:db8:0:1::%x]:1", "[2001:db8:0:1:ffff::1]:9", "[2001:db8:0:2::1]:1"},
		"behind a balancer, with no bound": {0, "10.0.0.1:%d", "", "10.0.0.1:60000"},
	} {
		t.Run(name, func(t *testing.T) {
			var come visits
			for n := range MaxStrangers - 1 {
				come = append(come, &visit{from: fmt.Sprintf(c.flood, n+1)})
			}
			flood := come
			honest := &visit{from: c.others}
			come = append(come, honest)
			refused := 0
			d := NewDoorway(&come, Limits{Connections: 1000, StrangersPerAddress: c.share}, func() { refused++ })
			var in []net.Conn
			for {
				conn, err := d.Accept()
				if err != nil {
					t.Fatalf("the honest one is not let in: %v; %d are in", err, len(in))
				}
				in = append(in, conn)
				if conn.(*guest).Conn == honest {
					break
				}
			}
			want := MaxStrangers
			if c.share > 0 {
				want = c.share + 1
			}
			if len(in) != want || len(d.strangers) != want || refused != MaxStrangers-want {
				t.Fatalf("%d are in, %d places are taken, %d refused; want %d in", len(in), len(d.strangers), refused, want)
			}
			for n, v := range flood {
				if v.closed != (n >= len(in)-1) {
					t.Errorf("visit %d: closed %v", n, v.closed)
				}
			}
			if c.share == 0 {
				return
			}
			enter := func(from string) bool {
				come = visits{{from: from}}
				conn, err := d.Accept()
				if err == nil {
					in = append(in, conn)
				}
				return err == nil
			}
			if err := Shown(in[0], false); err != nil || enter(c.neighbour) {
				t.Errorf("one that showed no certificate does not count any more (%v)", err)
			}
			if err := Shown(in[1], true); err != nil || !enter(c.neighbour) || enter(c.neighbour) {
				t.Errorf("one that showed a certificate counts (%v)", err)
			}
			in[2].Close()
			in[2].Close()
			if !enter(c.neighbour) || enter(c.neighbour) {
				t.Error("one that left counts, or counts twice")
			}
			for _, conn := range in {
				conn.Close()
			}
			if len(d.shares.of) != 0 || len(d.all) != 0 || len(d.strangers) != 0 || len(d.anonymous) != 0 {
				t.Errorf("after all left: %v, %d, %d, %d", d.shares.of, len(d.all), len(d.strangers), len(d.anonymous))
			}
		})
	}
}

func TestConnectionsWithoutACertificateAreFew(t *testing.T) {
	d := doorwayOn(t, 1000)
	come := func() net.Conn {
		knock(t, d)
		conn, err := d.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	var last net.Conn
	for range maxAnonymous {
		last = come()
		if err := Shown(last, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := Shown(come(), false); !errors.Is(err, errCrowded) {
		t.Errorf("one more without: %v", err)
	}
	if err := Shown(come(), true); err != nil {
		t.Errorf("one with a certificate: %v", err)
	}
	last.Close()
	if err := Shown(come(), false); err != nil {
		t.Errorf("after one left: %v", err)
	}
	// The refused one and those with a certificate stand where they should.
	if len(d.strangers) != 1 || len(d.anonymous) != maxAnonymous || len(d.all) != maxAnonymous+2 {
		t.Errorf("%d strangers, %d anonymous, %d in all", len(d.strangers), len(d.anonymous), len(d.all))
	}
}
