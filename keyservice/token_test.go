package keyservice_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// health asks the plain listener.
func (w *world) ask(path string) (int, string) {
	w.t.Helper()
	r, err := http.Get(w.health + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// The token is the service's, not its life: without it nothing opens and nothing
// is signed, and all else goes on, with the same process from before to after.
func TestWithoutItsTokenTheServiceServesWhatNeedsNone(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	if code, text := f.ask("/readyz"); code != http.StatusOK {
		t.Fatalf("not ready to begin with: %s", text)
	}
	for _, function := range []string{"C_DeriveKey", "C_SignInit", "C_OpenSession", "C_Initialize"} {
		if err := f.token.Fault(function, 0x32, 1, 0); err != nil { // CKR_DEVICE_REMOVED
			t.Fatal(err)
		}
	}
	if _, result := f.eu.unseal(f.head, f.digest); result.Refusal != keyservicev1.Refusal_REFUSAL_UNAVAILABLE {
		t.Errorf("a stub that needs the token: %v, want UNAVAILABLE", result.Refusal)
	}
	f.eventually("it says that it is not ready", func() bool {
		code, text := f.ask("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, "not ready: token") && strings.Contains(text, "ok: store")
	})
	if code, _ := f.ask("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz gives %d: a restart would mend nothing, and lose what is served", code)
	}
	if code, text := f.ask("/metrics"); code != http.StatusOK || !strings.Contains(text, "bulla_keyservice_unseals_total") {
		t.Errorf("/metrics gives %d", code)
	}
	// A renewal is a signature: it waits too, and says that it is worth a retry.
	if _, err := f.eu.client.Renew(t.Context()); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("a renewal: %v, want Unavailable", err)
	}
	for end := range 3 { // the breaker is open by now
		if _, result := f.us.unseal(f.head, f.digest); result.Refusal != keyservicev1.Refusal_REFUSAL_NOT_PLACED {
			t.Errorf("a stub that is placed elsewhere, asked for the %d. time: %v, want NOT_PLACED", end+1, result.Refusal)
		}
	}
	head := f.commit(map[string]string{"README.md": "the head moves on"})
	f.settle(head)

	if err := f.token.ClearFault(); err != nil {
		t.Fatal(err)
	}
	f.eventually("it is ready again", func() bool { code, _ := f.ask("/readyz"); return code == http.StatusOK })
	if _, result := f.eu.unseal(head, f.digest); !result.Granted() {
		t.Errorf("after the token came back: %v", result.Refusal)
	}
	if _, err := f.eu.client.Renew(t.Context()); err != nil {
		t.Errorf("a renewal after the token came back: %v", err)
	}
}
