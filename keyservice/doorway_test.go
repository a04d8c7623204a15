package keyservice

import (
	"errors"
	"net"
	"testing"
	"time"
)

func doorwayOn(t *testing.T, connections int) *doorway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDoorway(l, connections)
	t.Cleanup(func() { d.Close() })
	return d
}

func knock(t *testing.T, d *doorway) net.Conn {
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
		if err := shown(last, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := shown(come(), false); !errors.Is(err, errCrowded) {
		t.Errorf("one more without: %v", err)
	}
	if err := shown(come(), true); err != nil {
		t.Errorf("one with a certificate: %v", err)
	}
	last.Close()
	if err := shown(come(), false); err != nil {
		t.Errorf("after one left: %v", err)
	}
	// The refused one and those with a certificate stand where they should.
	if len(d.strangers) != 1 || len(d.anonymous) != maxAnonymous || len(d.all) != maxAnonymous+2 {
		t.Errorf("%d strangers, %d anonymous, %d in all", len(d.strangers), len(d.anonymous), len(d.all))
	}
}
