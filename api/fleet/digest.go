package fleet

import (
	"bytes"
	"fmt"

	"github.com/bulla-dev/bulla/api/hexid"
)

// StubDigest is "sha256:" and the hexadecimal SHA-256 of a stub file's bytes
// in Git. It authorises: a key service opens a digest that the accepted head
// places, and nothing else.
func StubDigest(data []byte) string {
	return hexid.Digest(data)
}

// SignedText is the text that the fleet's signature covers: one line for the
// format, the id, the serial, each sealing key, each recovery recipient, the
// log's key if there is one and each root succession, in the order of the file,
// each value in quotes so that no value can end its own line:
//
//	bulla.dev/fleet/v1
//	id "6f1c…"
//	serial 1
//	key "2026-11-a" "MLKEM768-P256" "Active" "age1tagpq1…"
//	recovery "age1pq1…"
//	log "bulla.dev/log/6f1c…+0f1e2d3c+AjBZ…"
//	succession "bulla.dev/root-succession/v1\nfleet…"
//
// Quotes are those of [strconv.Quote]; of a parsed fleet only a succession needs
// escapes, for its line ends.
func (s FleetSpec) SignedText() []byte {
	var text bytes.Buffer
	text.WriteString("bulla.dev/fleet/v1\n")
	fmt.Fprintf(&text, "id %q\n", s.ID)
	fmt.Fprintf(&text, "serial %d\n", s.Serial)
	for _, key := range s.SealingKeys {
		fmt.Fprintf(&text, "key %q %q %q %q\n", key.ID, string(key.Suite), string(key.Status), key.PublicKey)
	}
	for _, recipient := range s.RecoveryRecipients {
		fmt.Fprintf(&text, "recovery %q\n", recipient)
	}
	if s.LogKey != "" {
		fmt.Fprintf(&text, "log %q\n", s.LogKey)
	}
	for _, link := range s.RootSuccession {
		fmt.Fprintf(&text, "succession %q\n", link)
	}
	return text.Bytes()
}
