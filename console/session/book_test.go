package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/desk/signin"
)

// TestStrangersKeepNobodyFromSigningIn: they begin and answer themselves without end, and
// neither fill the memory nor the room of others. The newest are the last that are forgotten.
func TestStrangersKeepNobodyFromSigningIn(t *testing.T) {
	now := time.Now()
	b, err := New(Options{Sessions: &guard.Sessions{Now: func() time.Time { return now }},
		Origins: []string{"https://console.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range mostSpent {
		var at [32]byte
		binary.BigEndian.PutUint32(at[:], uint32(i))
		b.spent[at] = now.Add(patience - time.Duration(mostSpent-i)*time.Millisecond)
	}
	answered := func(state string) *http.Request {
		text, err := json.Marshal(begun{Begun: signin.Begun{State: state}, Until: now.Add(patience)})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/callback", nil)
		r.AddCookie(&http.Cookie{Name: b.cookie,
			Value: base64.RawURLEncoding.EncodeToString(b.seal.Seal(nil, nil, text, []byte(b.cookie)))})
		return r
	}
	ada, bob := answered("ada's"), answered("bob's")
	for name, r := range map[string]*http.Request{"ada": ada, "bob": bob} {
		if _, err := b.take(r); err != nil {
			t.Errorf("%s is kept out: %v", name, err)
		}
		if _, err := b.take(r); err == nil {
			t.Errorf("%s's counts twice", name)
		}
	}
	if _, is := b.spent[sha256.Sum256([]byte("ada's"))]; !is || len(b.spent) != mostSpent {
		t.Errorf("%d are kept, ada's: %v", len(b.spent), is)
	}
	now = now.Add(patience + time.Second)
	if _, err := b.take(answered("eve's")); err != nil || len(b.spent) != 1 {
		t.Errorf("after their end %d are kept: %v", len(b.spent), err)
	}
}
