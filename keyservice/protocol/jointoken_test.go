package protocol_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func FuzzParseJoinToken(f *testing.F) {
	token := protocol.JoinToken{Fleet: fleet, Cluster: "prod-eu", Secret: "s", CAHash: "sha256:" + strings.Repeat("0", 64), RootKey: "acme+0+0", URL: "https://k:1"}
	f.Add(token.String())
	f.Add("bulla1_e30")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := protocol.ParseJoinToken(text)
		if err != nil {
			return
		}
		again, err := protocol.ParseJoinToken(parsed.String())
		if err != nil || again != parsed {
			t.Errorf("does not read back: %v", err)
		}
	})
}
