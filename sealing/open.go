package sealing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
)

// Open opens the payload with its file key and returns the values by pointer,
// base64 as in a Secret. The context is that of the object the values are
// for: a payload of another object is [ErrOpen], even under the right key. The
// caller clears fileKey.
func (p *Payload) Open(c Context, fileKey []byte) (map[string]string, error) {
	if len(fileKey) != fileKeySize {
		return nil, refuse(ClassLength, "file key has %d bytes, not %d", len(fileKey), fileKeySize)
	}
	held := heldKey(slices.Clone(fileKey))
	defer clear(held)
	return p.open(c, held)
}

// OpenWith opens the payload with identities of recovery recipients, under the
// same checks. When no identity fits the error is an *[age.NoIdentityMatchError].
func (p *Payload) OpenWith(c Context, ids ...age.Identity) (map[string]string, error) {
	return p.open(c, ids...)
}

func (p *Payload) open(c Context, ids ...age.Identity) (map[string]string, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	bound := make([]age.Identity, len(ids))
	for i, id := range ids {
		bound[i] = boundIdentity{want: c.Digest(), identity: id}
	}
	reader, err := age.Decrypt(bytes.NewReader(p.file), bound...)
	if match := new(age.NoIdentityMatchError); errors.As(err, &match) {
		return nil, fmt.Errorf("open payload: %w", err)
	}
	if errors.Is(err, errBinding) {
		return nil, errBinding
	}
	if err != nil {
		return nil, errMAC
	}
	// The plaintext is shorter than the file: one buffer, cleared once.
	plaintext := make([]byte, len(p.file))
	defer clear(plaintext)
	n, err := readToEnd(reader, plaintext)
	if err != nil {
		return nil, errMAC
	}
	return decodeValues(c.Fields, plaintext[:n])
}

// readToEnd fills buffer, which is longer than what r has. It is not
// io.ReadFull: age says io.ErrUnexpectedEOF of a stream whose last chunk was cut
// off, and that must not pass for the end of a short one.
func readToEnd(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) {
		read, err := r.Read(buffer[n:])
		n += read
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, io.ErrShortBuffer
}

// heldKey is a file key as an identity. It is only ever used inside a
// boundIdentity: on its own it would open a payload of any context.
type heldKey []byte

func (k heldKey) Unwrap([]*age.Stanza) ([]byte, error) { return k, nil }

// boundIdentity lets an identity see the stanzas only when they bind the
// payload to the wanted context. It reads the very header that age parsed and
// whose MAC age checks next.
type boundIdentity struct {
	want     [32]byte
	identity age.Identity
}

func (b boundIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	argument, err := lockArgument(stanzas)
	if err != nil {
		return nil, err
	}
	if argument != b.want {
		return nil, errBinding
	}
	return b.identity.Unwrap(stanzas)
}
