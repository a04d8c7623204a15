package login_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/desk/login"
)

func open(t *testing.T) *login.Store {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	store, err := login.Open()
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func fresh(t *testing.T, fleet string) *login.Login {
	t.Helper()
	l, err := login.New(fleet)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func put(t *testing.T, store *login.Store, logins ...*login.Login) {
	t.Helper()
	for _, l := range logins {
		if err := store.Put(*l); err != nil {
			t.Fatal(err)
		}
	}
}

// same compares what PEM says: a line end more or less is none of it.
func same(a, b *login.Login) bool {
	return a.Fleet == b.Fleet && strings.TrimSpace(a.Key) == strings.TrimSpace(b.Key)
}

func TestALoginIsFoundByItsFleetOrAsTheOnlyOne(t *testing.T) {
	store := open(t)
	find := func(fleet string, want *login.Login, wantErr error) {
		t.Helper()
		got, err := store.Find(fleet)
		if !errors.Is(err, wantErr) || (want != nil) != (got != nil) || want != nil && !same(got, want) {
			t.Errorf("fleet %q: found %v, %v, want %v", fleet, got != nil, err, wantErr)
		}
	}
	find("", nil, login.ErrNone)
	a, b := fresh(t, "a"), fresh(t, "b")
	put(t, store, a)
	find("", a, nil)
	find("b", nil, login.ErrNone)
	put(t, store, b)
	find("", nil, login.ErrSeveral)
	find("a", a, nil)
	renewed := fresh(t, "a")
	put(t, store, renewed)
	find("a", renewed, nil)
	for _, want := range []bool{true, false} {
		if was, err := store.Remove("a"); err != nil || was != want {
			t.Errorf("forgotten: %v, %v, want %v", was, err, want)
		}
	}
	find("", b, nil)
	text, err := os.ReadFile(store.Path())
	if err != nil || strings.Contains(string(text), "fleet: a") {
		t.Errorf("what is forgotten still stands in the file (%v)", err)
	}
}

func TestAFileThatOthersCanReadIsRefused(t *testing.T) {
	store := open(t)
	put(t, store, fresh(t, "a"))
	info, err := os.Stat(store.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("it is written with mode %v, %v", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(store.Path(), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Find("a"); !errors.Is(err, login.ErrExposed) {
			t.Errorf("mode %o: error %v", mode, err)
		}
	}
}

// TestNoErrorQuotesTheFile: what stands in it is a private key.
func TestNoErrorQuotesTheFile(t *testing.T) {
	const secret = "MIGHAgEAcanary"
	store := open(t)
	put(t, store, fresh(t, "a"))
	for _, text := range []string{"logins:\n- fleet: a\n  key: " + secret + "\n  unknown: x\n",
		"logins: {" + secret + "\n", secret + "\n",
		"logins:\n- fleet: [" + secret + "]\n"} {
		if err := os.WriteFile(store.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.List(); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v", err)
		}
	}
	for _, key := range []string{"", secret, "-----BEGIN PRIVATE KEY-----\n" + secret + "AA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN EC PRIVATE KEY-----\n" + secret + "AA\n-----END EC PRIVATE KEY-----\n"} {
		l := &login.Login{Fleet: "a", Key: key}
		if _, _, err := l.Request(); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v", err)
		}
	}
}

func TestARequestNamesTheKeyOfTheLogin(t *testing.T) {
	l := fresh(t, "a")
	request, identity, err := l.Request()
	if err != nil || !strings.Contains(string(request), "CERTIFICATE REQUEST") || !strings.HasPrefix(identity, "sha256:") {
		t.Fatalf("%s %s %v", request, identity, err)
	}
	if strings.Contains(string(request), "PRIVATE") {
		t.Error("the request has the private key")
	}
	if _, again, err := l.Request(); err != nil || again != identity {
		t.Errorf("identity %s, then %s (%v)", identity, again, err)
	}
	if _, other, err := fresh(t, "a").Request(); err != nil || other == identity {
		t.Errorf("two keys have one identity (%v)", err)
	}
	if _, err := l.Admin(); err == nil {
		t.Error("a login without a certificate is one")
	}
	if _, err := l.Complete(request, "https://keys"); err == nil || l.Certificate != "" {
		t.Errorf("a request is taken for a certificate: %v", err)
	}
}
