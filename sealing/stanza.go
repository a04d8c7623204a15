package sealing

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"
)

// Stanza is an age recipient stanza (C2SP age.md). In bulla it always wraps a
// file key to one cluster's hybrid recipient.
type Stanza struct {
	Type string
	Args []string
	Body []byte
}

const (
	// fileKeySize is age's.
	fileKeySize = 16
	// hybridStanza is the type of age's post-quantum recipient, age1pq1….
	hybridStanza = "mlkem768x25519"
	// hybridEncSize is an ML-KEM-768 ciphertext and an X25519 share.
	hybridEncSize = 1088 + 32
	// hybridBodySize is a file key and a Poly1305 tag.
	hybridBodySize = fileKeySize + 16
)

var (
	// rawBase64 is age's base64: standard alphabet, no padding.
	rawBase64 = base64.RawStdEncoding.Strict()
	// stanzaSize is the fixed length of a stanza in text, in bytes.
	stanzaSize = len("-> "+hybridStanza+" \n\n") + rawBase64.EncodedLen(hybridEncSize) +
		rawBase64.EncodedLen(hybridBodySize)
)

// check refuses anything but one well-formed stanza of a hybrid recipient.
// The length of the body is checked before any use, as age.md demands: a
// longer one could be made to open under several keys.
func (s Stanza) check() error {
	switch {
	case s.Type != hybridStanza:
		return refuse(ClassParse, "stanza has type %q, not %s", s.Type, hybridStanza)
	case len(s.Args) != 1:
		return refuse(ClassParse, "stanza has %d arguments, not one", len(s.Args))
	case len(s.Body) != hybridBodySize:
		return refuse(ClassLength, "stanza has a body of %d bytes, not %d", len(s.Body), hybridBodySize)
	}
	enc, ok := decodeCanonical(rawBase64, s.Args[0])
	if !ok {
		return refuse(ClassParse, "stanza has an argument that is not canonical base64")
	}
	if len(enc) != hybridEncSize {
		return refuse(ClassLength, "stanza has an argument of %d bytes, not %d", len(enc), hybridEncSize)
	}
	return nil
}

// marshal is the stanza as it would stand in an age header; see age.md.
func (s Stanza) marshal() []byte {
	return fmt.Appendf(nil, "-> %s %s\n%s\n", s.Type, s.Args[0], rawBase64.EncodeToString(s.Body))
}

// parseStanza reads the one spelling that marshal writes.
func parseStanza(text []byte) (Stanza, error) {
	if len(text) != stanzaSize {
		return Stanza{}, refuse(ClassLength, "stanza has %d bytes, not %d", len(text), stanzaSize)
	}
	head, body, _ := bytes.Cut(text, []byte("\n"))
	words := bytes.Split(head, []byte(" "))
	if len(words) != 3 {
		return Stanza{}, refuse(ClassParse, "stanza has an opening line that is not age's")
	}
	raw, ok := decodeCanonical(rawBase64, string(bytes.TrimSuffix(body, []byte("\n"))))
	if !ok {
		return Stanza{}, refuse(ClassParse, "stanza has a body that is not canonical base64")
	}
	s := Stanza{Type: string(words[1]), Args: []string{string(words[2])}, Body: raw}
	if err := s.check(); err != nil {
		return Stanza{}, err
	}
	if !bytes.Equal(s.marshal(), text) {
		return Stanza{}, refuse(ClassParse, "stanza is not in its canonical spelling")
	}
	return s, nil
}

// wrapFor wraps a file key to a cluster's recipient.
func wrapFor(recipient *age.HybridRecipient, fileKey []byte) (Stanza, error) {
	stanzas, err := recipient.Wrap(fileKey)
	if err != nil {
		return Stanza{}, fmt.Errorf("wrap file key: %w", err)
	}
	if len(stanzas) != 1 {
		return Stanza{}, fmt.Errorf("wrap file key: %d stanzas, not one", len(stanzas))
	}
	s := Stanza{Type: stanzas[0].Type, Args: stanzas[0].Args, Body: stanzas[0].Body}
	return s, s.check()
}

// OpenStanza unwraps the key service's answer with the cluster's own age identity.
// The caller clears the file key after use. A stanza for another cluster is
// [ErrOpen].
func OpenStanza(identity age.Identity, s Stanza) (fileKey []byte, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	fileKey, err = identity.Unwrap([]*age.Stanza{{Type: s.Type, Args: slices.Clone(s.Args), Body: slices.Clone(s.Body)}})
	if err != nil {
		// age's text tells which half refused.
		return nil, errMAC
	}
	if len(fileKey) != fileKeySize {
		clear(fileKey)
		return nil, errors.New("unwrap file key: wrong length")
	}
	return fileKey, nil
}

// decodeCanonical decodes text that is the one spelling of its bytes: Go's
// decoder skips line ends.
func decodeCanonical(encoding *base64.Encoding, text string) ([]byte, bool) {
	raw, err := encoding.Strict().DecodeString(text)
	if err != nil || encoding.EncodeToString(raw) != text {
		return nil, false
	}
	return raw, true
}
