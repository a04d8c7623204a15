package hsm

import (
	"bufio"
	"encoding/gob"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// The pipe carries gob values: one hello, one response to it, then requests one
// way and responses the other, in any order. Both ends are the same binary, so
// there is no version to negotiate.

type op uint8

const (
	opOpen       op = iota + 1 // Key, Info, Data → Data: HPKE open
	opSign                     // Key, Data (digest) → Data: r ‖ s
	opSigner                   // Key → Data: uncompressed point of a signing key
	opPublic                   // Key, Suite → Data: uncompressed point, Extra: ML-KEM key
	opPin                      // Pins: replaces the set of pinned keys
	opReady                    // derive-and-read with every pinned key
	opRandom                   // Size → Data
	opCeremony                 // Key, Suite → Made
	opList                     // → Keys
	opMakeSigner               // Key → Data: uncompressed point of a new signing key
	opAddSealing               // Key, Suite → Data, Extra: as opPublic, of a new sealing key
	opCheck                    // Size (sessions) → Checks
	opFree                     // Key: fails when a label of the ceremony is taken
	opRoots                    // Points → Keys: root keys that the login shows
	opForget                   // Points → Keys: destroys the private keys of these points
)

// String names the operation in errors.
func (o op) String() string {
	names := [...]string{opOpen: "open", opSign: "signing", opSigner: "a signing key", opPublic: "a public key",
		opPin: "pinning keys", opReady: "the self-test", opRandom: "randomness", opCeremony: "the ceremony",
		opList:       "listing keys",
		opMakeSigner: "making a signing key", opAddSealing: "making a sealing key", opCheck: "the check",
		opFree: "finding labels free", opRoots: "looking for root keys", opForget: "destroying keys"}
	if int(o) < len(names) {
		return names[o]
	}
	return "an unknown operation"
}

type hello struct {
	Module, PIN, Fleet string
	Token              tokenName
	Sessions           int
	Pins               []api.SealingKey
}

// tokenName says which token of a module is meant.
type tokenName struct{ Label, Serial, Manufacturer, Model string }

// String is for errors.
func (n tokenName) String() string {
	text := strconv.Quote(n.Label)
	for _, part := range []struct{ name, value string }{{"serial", n.Serial}, {"manufacturer", n.Manufacturer},
		{"model", n.Model}} {
		if part.value != "" {
			text += fmt.Sprintf(" with %s %q", part.name, part.value)
		}
	}
	return text
}

// request asks the worker for one operation. Key is a key id for sealing keys
// and a role for signing keys; the worker makes the label.
type request struct {
	ID    uint64
	Op    op
	Key   string
	Suite api.Suite
	Info  []byte
	Data  []byte
	Size  int
	Pins  []api.SealingKey
	// Points are uncompressed P-256 points.
	Points [][]byte
}

type response struct {
	ID    uint64
	Data  []byte
	Extra []byte
	Keys  []KeyInfo
	// Checks answers opCheck.
	Checks []Check
	Made   map[string][]byte // role → uncompressed point
	Err    *workerError
}

// conn sends values of one type from many goroutines and receives values of
// another in one.
type conn struct {
	dec *gob.Decoder

	waiting atomic.Int64 // senders that have not encoded yet
	mu      sync.Mutex
	w       *bufio.Writer
	enc     *gob.Encoder
}

func newConn(in io.Reader, out io.Writer) *conn {
	w := bufio.NewWriterSize(out, 64<<10)
	return &conn{w: w, enc: gob.NewEncoder(w), dec: gob.NewDecoder(bufio.NewReaderSize(in, 64<<10))}
}

// send encodes v and, unless another sender is about to, flushes: a burst is one
// system call, and no goroutine is woken to write.
func (c *conn) send(v any) error {
	c.waiting.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.waiting.Add(-1) == 0
	if err := c.enc.Encode(v); err != nil {
		return err
	}
	if !last {
		return nil
	}
	return c.w.Flush()
}
