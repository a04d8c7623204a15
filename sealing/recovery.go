package sealing

import (
	"slices"
	"strings"
)

// CheckRecovery wants a payload to have as many stanzas of each kind as recovery recipients
// have, and no other. It is for payloads that somebody else sealed: without those stanzas a
// lost key service is a lost value, and one more is of somebody whom nobody named. Which key
// a stanza is for does not show: who sealed the value knew it anyway.
func (p *Payload) CheckRecovery(recipients []string) error {
	var want []string
	for _, recipient := range recipients {
		want = append(want, recoveryStanzaOf(recipient))
	}
	is := slices.Sorted(slices.Values(p.recovery))
	if slices.Sort(want); !slices.Equal(is, want) {
		return refuse(ClassParse, "payload has %d recovery stanzas, and not one for each of the %d recovery recipients",
			len(is), len(want))
	}
	return nil
}

// recoveryStanzaOf is the type of the stanza that a recipient makes: see parseAny.
func recoveryStanzaOf(recipient string) string {
	switch {
	case strings.HasPrefix(recipient, "age1pq1"):
		return hybridStanza
	case strings.HasPrefix(recipient, "age1tagpq1"):
		return hybridTag
	case strings.HasPrefix(recipient, "age1tag1"):
		return classicTag
	}
	return "X25519"
}
