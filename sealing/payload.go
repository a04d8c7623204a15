package sealing

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// lockStanza is the type of the stanza that binds a payload to its context.
// Its body is empty: the file key is in the stub's locks.
const lockStanza = "bulla.dev/lock"

const (
	// maxStanzas bounds the lock stanza and the recovery stanzas.
	maxStanzas = 32
	// minStream is age's payload nonce and the tag of one chunk.
	minStream = 16 + 16
)

// recoveryStanzas are the types of the recipients that may be recovery keys:
// age1pq1…, age1tagpq1…, and for the classic suite age1… and age1tag1….
var recoveryStanzas = map[string]bool{hybridStanza: true, "mlkem768p256tag": true, "X25519": true, "p256tag": true}

// Payload is one sealed age file.
type Payload struct {
	armored string
	file    []byte
	context [32]byte
	// recovery are the types of its recovery stanzas, in their order.
	recovery []string
}

// ParsePayload reads the armored text of a block. Armor and header must be in
// their one canonical spelling, and the header must have the lock stanza
// first, exactly once, and nothing beside it but recovery stanzas.
func ParsePayload(armored string) (*Payload, error) {
	if len(armored) > api.MaxStubSize {
		return nil, refuse(ClassLength, "payload has %d bytes, the limit is %d", len(armored), api.MaxStubSize)
	}
	file, err := io.ReadAll(armor.NewReader(strings.NewReader(armored)))
	if err != nil {
		return nil, refuse(ClassParse, "payload is not an armored age file")
	}
	if canonical, err := encodeArmor(file); err != nil || canonical != armored {
		return nil, refuse(ClassParse, "payload armor is not in its canonical spelling")
	}
	header, err := age.ExtractHeader(bytes.NewReader(file))
	if err != nil {
		return nil, refuse(ClassParse, "payload has no age v1 header")
	}
	// age reads one spelling of a header only, so this is its length in the file.
	if len(file)-len(header) < minStream {
		return nil, refuse(ClassLength, "payload ends after its header")
	}
	context, recovery, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	return &Payload{armored: armored, file: file, context: context, recovery: recovery}, nil
}

func readHeader(header []byte) (context [32]byte, recovery []string, err error) {
	var reader headerReader
	// The reader never has a key: age parses, and then finds nobody.
	if _, err := age.DecryptHeader(header, &reader); !errors.Is(err, age.ErrIncorrectIdentity) {
		return context, nil, refuse(ClassParse, "payload header cannot be read")
	}
	if len(reader.stanzas) > maxStanzas {
		return context, nil, refuse(ClassParse, "payload has %d stanzas, the limit is %d", len(reader.stanzas), maxStanzas)
	}
	if context, err = lockArgument(reader.stanzas); err != nil {
		return context, nil, err
	}
	for _, stanza := range reader.stanzas[1:] {
		recovery = append(recovery, stanza.Type)
	}
	return context, recovery, nil
}

// headerReader lets age's own parser read a header for us.
type headerReader struct{ stanzas []*age.Stanza }

func (r *headerReader) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	r.stanzas = stanzas
	return nil, age.ErrIncorrectIdentity
}

// lockArgument returns the argument of the one lock stanza. Two of them, or a
// stanza of a kind that bulla does not write, would let a payload mean one
// thing to one reader and another to the next.
func lockArgument(stanzas []*age.Stanza) (argument [32]byte, err error) {
	for i, stanza := range stanzas {
		switch {
		case i == 0 && stanza.Type != lockStanza:
			return argument, refuse(ClassParse, "payload does not start with a %s stanza", lockStanza)
		case i > 0 && !recoveryStanzas[stanza.Type]:
			return argument, refuse(ClassParse, "payload has a stanza of type %q after its first", stanza.Type)
		}
	}
	if len(stanzas) == 0 || len(stanzas[0].Args) != 1 || len(stanzas[0].Body) != 0 {
		return argument, refuse(ClassParse, "payload %s stanza must have one argument and no body", lockStanza)
	}
	raw, ok := decodeCanonical(rawBase64, stanzas[0].Args[0])
	if !ok {
		return argument, refuse(ClassParse, "payload %s stanza has an argument that is not canonical base64", lockStanza)
	}
	if len(raw) != len(argument) {
		return argument, refuse(ClassLength, "payload %s stanza has an argument of %d bytes, not %d", lockStanza, len(raw),
			len(argument))
	}
	return [32]byte(raw), nil
}

// ContextDigest is the digest of the context that the payload was sealed for,
// as its header says. The header's MAC is checked only by opening.
func (p *Payload) ContextDigest() [32]byte { return p.context }

// Hash is SHA-256 of the armored text.
func (p *Payload) Hash() [32]byte { return sha256.Sum256([]byte(p.armored)) }

func encodeArmor(file []byte) (string, error) {
	var text strings.Builder
	writer := armor.NewWriter(&text)
	if _, err := writer.Write(file); err != nil {
		return "", err
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	return text.String(), nil
}

// PlaintextSize is the length of the JSON object inside, in bytes. An age file
// does not hide it: after the header there is a nonce, and each chunk of 64 KiB
// is followed by a tag.
func (p *Payload) PlaintextSize() int {
	const nonce, tag, chunk = 16, 16, 64 << 10
	header, err := age.ExtractHeader(bytes.NewReader(p.file))
	if err != nil {
		return 0 // parsed before
	}
	stream := len(p.file) - len(header) - nonce
	chunks := (stream + chunk + tag - 1) / (chunk + tag)
	return max(0, stream-chunks*tag)
}
