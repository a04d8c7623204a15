package fleetsync

import (
	"strings"
	"testing"

	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// TestARefusedJoinTokenSaysWhereTheReasonStands: the service tells a stranger nothing.
func TestARefusedJoinTokenSaysWhereTheReasonStands(t *testing.T) {
	err := notEnrolled("https://keys.example.com", &keyservice.DeniedError{Reason: keyservicev1.ReasonJoinToken})
	for _, want := range []string{"used, expired or not", "its log", "bulla audit log --kind Enrol", "bulla-keyservice token create"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := notEnrolled("https://keys.example.com", &keyservice.DeniedError{Reason: keyservicev1.ReasonRequest}); strings.Contains(err.Error(), "token") {
		t.Errorf("%v blames the token", err)
	}
}
