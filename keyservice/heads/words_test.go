package heads

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// An operator reads which head it is about, and what takes it, by its hash: a command
// that can be pasted.
func TestARefusedHistorySaysWhatAcceptsIt(t *testing.T) {
	const last, tip = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	const accept = "bulla-keyservice history accept --head " + tip + ": "
	m := &memory{last: store.Head{Hash: last}}
	for reason, want := range map[follow.Reason]string{
		follow.Rewritten: "it does not descend from the accepted head " + last +
			"; hint: restore the branch, or accept it: " + accept,
		follow.TooLong: "more commits than are read lie between it and the accepted head " + last +
			"; hint: push in smaller steps, or accept it: " + accept,
		follow.NotVerified: "",
	} {
		cause := errors.New("the cause")
		err := m.explain(&follow.Refusal{Head: tip, Reason: reason, Err: cause})
		if !strings.Contains(err.Error(), want+"the cause") || !errors.Is(err, cause) {
			t.Errorf("%s: %v", reason, err)
		}
		if want == "" && strings.Contains(err.Error(), "accept") {
			t.Errorf("%s: %v", reason, err)
		}
	}
}
