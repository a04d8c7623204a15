// Package wire is what the key service and the worker of its token both know: the
// messages on the pipe between them, how an operation fails, and how keys are named.
package wire

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

// Op is an operation.
type Op uint8

// The operations, each with what a request has → what its response has.
const (
	OpOpen       Op = iota + 1 // Key, Info, Data → Data: HPKE open
	OpSign                     // Key, Data (digest) → Data: r ‖ s
	OpSigner                   // Key → Data: uncompressed point of a signing key
	OpPublic                   // Key, Suite → Data: uncompressed point, Extra: ML-KEM key
	OpPin                      // Pins: replaces the set of pinned keys
	OpReady                    // derive-and-read with every pinned key
	OpCeremony                 // Key, Suite → Made
	OpList                     // → Keys
	OpMakeSigner               // Key → Data: uncompressed point of a new signing key
	OpAddSealing               // Key, Suite → Data, Extra: as OpPublic, of a new sealing key
	OpCheck                    // Size (sessions) → Checks
	OpFree                     // Key: fails when a label of the ceremony is taken
	OpRoots                    // Points → Keys: root keys that the login shows
	OpForget                   // Points → Keys: destroys the private keys of these points
)

// String names the operation in errors.
func (o Op) String() string {
	names := [...]string{OpOpen: "open", OpSign: "signing", OpSigner: "a signing key", OpPublic: "a public key",
		OpPin: "pinning keys", OpReady: "the self-test", OpCeremony: "the ceremony",
		OpList:       "listing keys",
		OpMakeSigner: "making a signing key", OpAddSealing: "making a sealing key", OpCheck: "the check",
		OpFree: "finding labels free", OpRoots: "looking for root keys", OpForget: "destroying keys"}
	if int(o) < len(names) {
		return names[o]
	}
	return "an unknown operation"
}

// Hello is the first message: which token, and the PIN.
type Hello struct {
	Module, PIN, Fleet string
	Token              TokenName
	Sessions           int
	Pins               []api.SealingKey
}

// TokenName says which token of a module is meant.
type TokenName struct{ Label, Serial, Manufacturer, Model string }

// String is for errors.
func (n TokenName) String() string {
	text := strconv.Quote(n.Label)
	for _, part := range []struct{ name, value string }{{"serial", n.Serial}, {"manufacturer", n.Manufacturer},
		{"model", n.Model}} {
		if part.value != "" {
			text += fmt.Sprintf(" with %s %q", part.name, part.value)
		}
	}
	return text
}

// Request asks the worker for one operation. Key is a key id for sealing keys
// and a role for signing keys; the worker makes the label.
type Request struct {
	ID    uint64
	Op    Op
	Key   string
	Suite api.Suite
	Info  []byte
	Data  []byte
	Size  int
	Pins  []api.SealingKey
	// Points are uncompressed P-256 points.
	Points [][]byte
}

// Response is the answer to a request, by its number.
type Response struct {
	ID    uint64
	Data  []byte
	Extra []byte
	Keys  []KeyInfo
	// Checks answers OpCheck.
	Checks []Check
	Made   map[string][]byte // role → uncompressed point
	Err    *Error
}

// Conn sends values of one type from many goroutines and receives values of
// another in one.
type Conn struct {
	dec *gob.Decoder

	waiting atomic.Int64 // senders that have not encoded yet
	mu      sync.Mutex
	w       *bufio.Writer
	enc     *gob.Encoder
}

// NewConn returns one over two pipes.
func NewConn(in io.Reader, out io.Writer) *Conn {
	w := bufio.NewWriterSize(out, 64<<10)
	return &Conn{w: w, enc: gob.NewEncoder(w), dec: gob.NewDecoder(bufio.NewReaderSize(in, 64<<10))}
}

// Receive decodes the next value.
func (c *Conn) Receive(v any) error { return c.dec.Decode(v) }

// Send encodes v and, unless another sender is about to, flushes: a burst is one
// system call, and no goroutine is woken to write.
func (c *Conn) Send(v any) error {
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
