package keyservice_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestASilentConnectionDoesNotStay: it holds a place at the door until the
// handshake's deadline.
func TestASilentConnectionDoesNotStay(t *testing.T) {
	t.Parallel() // it waits for as long as a handshake may take
	w := newWorld(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(wait.Patience())); err != nil {
		t.Fatal(err)
	}
	for buffer := make([]byte, 512); err == nil; {
		_, err = conn.Read(buffer)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the service leaves it open")
	}
}
