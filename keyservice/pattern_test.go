package keyservice_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/enrolment"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// patternToken makes a token as `token create --pattern` does.
func (w *world) patternToken(pattern string, uses int) (protocol.JoinToken, [32]byte) {
	w.t.Helper()
	secret, row := enrolment.NewJoinToken(w.fleet, pattern, time.Hour, time.Now())
	row.Uses = uses
	if err := w.rows.Do(w.t.Context(), w.rows.AddJoinToken(row)); err != nil {
		w.t.Fatal(err)
	}
	return protocol.JoinToken{Fleet: w.fleet, Cluster: pattern, Secret: secret,
		CAHash: protocol.SPKIHash(w.service.Authority()), RootKey: w.rootKey, URL: w.url}, row.Hash
}

func (m *member) enrolAs(token protocol.JoinToken) (*client.Credentials, error) {
	o := m.options(token)
	o.Cluster = m.name
	return client.Enroll(m.w.t.Context(), o)
}

// TestOneTokenEnrolsManyNamesEachOnce: each use is an entry with all that the
// cluster's file needs, and the second machine of a name is refused, and told why.
func TestOneTokenEnrolsManyNamesEachOnce(t *testing.T) {
	w := newWorld(t)
	token, hash := w.patternToken("shop-*", 2)
	if parsed, err := protocol.ParseJoinToken(token.String()); err != nil || parsed != token {
		t.Fatalf("round trip: %v, %v", parsed != token, err)
	}
	one, two := newMember(w, "shop-1"), newMember(w, "shop-2")
	for _, m := range []*member{one, two} {
		credentials, err := m.enrolAs(token)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := credentials.Certificate.Leaf.URIs[0].String(), "bulla://"+w.fleet+"/"+m.name; got != want {
			t.Errorf("certificate names %s, want %s", got, want)
		}
		entries := w.recorded(audit.Enrol)
		e := entries[len(entries)-1]
		if e.Cluster != m.name || e.Identity != m.spki() || e.Recipient != m.identity.Recipient().String() ||
			!strings.Contains(e.Detail, "for shop-*") {
			t.Errorf("entry %+v", e)
		}
	}
	second := newMember(w, "shop-1")
	_, err := second.enrolAs(token)
	wantDenied(t, err, keyservicev1.ReasonNameTaken)
	entries := w.recorded(audit.Enrol)
	if e := entries[len(entries)-1]; e.Outcome != keyservicev1.ReasonNameTaken || e.Cluster != "shop-1" ||
		e.Identity != second.spki() {
		t.Errorf("entry %+v", e)
	}
	if _, err := one.enrolAs(token); err != nil {
		t.Errorf("the same machine, whose answer was lost: %v", err)
	}
	_, err = newMember(w, "shop-3").enrolAs(token)
	wantDenied(t, err, keyservicev1.ReasonJoinToken)

	// Only who holds a good token learns that a name is taken.
	more, hash2 := w.patternToken("shop-*", 5)
	if err := w.rows.Do(t.Context(), w.rows.RevokeJoinToken(hash2, time.Now())); err != nil {
		t.Fatal(err)
	}
	_, err = second.enrolAs(more)
	wantDenied(t, err, keyservicev1.ReasonJoinToken)
	if hash == hash2 {
		t.Error("two tokens are one")
	}
	// The client does not spend a token on a name that it is not for.
	if _, err := newMember(w, "prod-eu").enrolAs(token); err == nil || !strings.Contains(err.Error(), `is for "shop-*"`) {
		t.Errorf("%v, want refused before anybody is asked", err)
	}
}
