package sealing

import (
	"testing"

	"filippo.io/age"
)

// TestEachRecipientIsCountedByItsKind: the kinds are those that age itself writes.
func TestEachRecipientIsCountedByItsKind(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{hybrid.Recipient().String(), classic.Recipient().String()} {
		recipient, err := parseAny(text)
		if err != nil {
			t.Fatal(err)
		}
		stanzas, err := recipient.Wrap(make([]byte, 16))
		if err != nil || len(stanzas) != 1 || stanzas[0].Type != recoveryStanzaOf(text) {
			t.Errorf("%.10s: %v, %v", text, stanzas, err)
		}
	}
	p := &Payload{recovery: []string{"X25519", hybridStanza}}
	both := []string{hybrid.Recipient().String(), classic.Recipient().String()}
	if err := p.CheckRecovery(both); err != nil {
		t.Error(err)
	}
	for _, other := range [][]string{nil, both[:1], append(both, both[0]), {both[0], both[0]}} {
		if p.CheckRecovery(other) == nil {
			t.Errorf("%d recipients, of which not each has its stanza", len(other))
		}
	}
}
