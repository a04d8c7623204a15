package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// TestATokenGoesToThePinnedServiceAlone: not to who answers under another authority or
// another name, and not to where an answer sends.
func TestATokenGoesToThePinnedServiceAlone(t *testing.T) {
	authority, stranger := newCA(t), newCA(t)
	var seen []string
	record := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		http.Error(w, "no", http.StatusTeapot)
	})
	ask := func(at, pin string, token func(context.Context) (string, error)) error {
		admin := client.NewBearerAdmin(at, client.Bearer{Fleet: fleet, Person: "ada", Authority: pin, Token: token})
		defer admin.Close()
		_, err := admin.ListDenials(t.Context())
		return err
	}
	give := func(context.Context) (string, error) { return "s3cret", nil }
	pin := protocol.SPKIHash(authority.certificate)
	elsewhere := authority.serve(record, loopback)
	for name, at := range map[string]string{
		"a stranger":        stranger.serve(record, loopback),
		"another's name":    authority.serve(record, []byte{127, 0, 0, 9}),
		"a redirect":        authority.serve(http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect), loopback),
		"no TLS":            "http://127.0.0.1:1",
		"somebody in a URL": "https://u:p@127.0.0.1:1",
	} {
		if err := ask(at, pin, give); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(seen) > 0 {
		t.Errorf("the token went out %d times", len(seen))
	}
	if err := ask(elsewhere, "sha256:1", give); err == nil || len(seen) > 0 {
		t.Errorf("a pin that is none: %v", err)
	}
	bad := errors.New("signed out")
	if err := ask(elsewhere, pin, func(context.Context) (string, error) { return "", bad }); !errors.Is(err, bad) {
		t.Errorf("no token to be had: %v, want its own reason", err)
	}
	if err := ask(elsewhere, pin, give); err == nil || len(seen) != 1 || seen[0] != "Bearer s3cret" {
		t.Errorf("to the service: %v, %q", err, seen)
	}
}
