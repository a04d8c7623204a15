package clusterkeys_test

import (
	"testing"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/clusterkeys"
)

func TestEveryFieldChangesTheFingerprint(t *testing.T) {
	keys := clusterkeys.Keys{Fleet: "f", Cluster: "c", Identity: "i", Recipient: "r"}
	// Read out by people and printed by other versions: it must not change.
	const want = "8136-9cb3-2d94-1e27-cf5d-27f1-d15e-baed"
	if got := keys.Fingerprint(); got != want {
		t.Errorf("fingerprint is %s, was %s", got, want)
	}
	for name, other := range map[string]clusterkeys.Keys{
		"fleet":     {Fleet: "F", Cluster: "c", Identity: "i", Recipient: "r"},
		"cluster":   {Fleet: "f", Cluster: "C", Identity: "i", Recipient: "r"},
		"identity":  {Fleet: "f", Cluster: "c", Identity: "I", Recipient: "r"},
		"recipient": {Fleet: "f", Cluster: "c", Identity: "i", Recipient: "R"},
	} {
		if other.Fingerprint() == want {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}
