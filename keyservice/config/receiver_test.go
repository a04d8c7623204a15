package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/receiver"
)

const goodHook = "name: forge, type: github, secretFile: s"

func TestAReceiverIsReadStrictly(t *testing.T) {
	const at = "127.0.0.1:9292"
	for name, c := range map[string]struct{ listen, hooks, place, problem string }{
		"hooks without a place for them": {"", goodHook, "listen", "is missing"},
		"a place without hooks":          {at, "", "hooks", "is missing"},
		"a place that is no address":     {"9292", goodHook, "listen", "is not ADDRESS:PORT"},
		"a hook of no type":              {at, "name: forge, secretFile: s", "hooks[0].type", "is not a type"},
		"a hook of an unknown type":      {at, "name: a, type: svn, secretFile: s", "hooks[0].type", "is not a type"},
		"a hook that anybody may send":   {at, "name: a, type: github", "hooks[0].secretFile", "is missing"},
		"a hook whose name is a path":    {at, "name: ../x, type: gitea, secretFile: s", "hooks[0].name", "is not a name"},
		"two hooks of one name":          {at, goodHook + "}, {" + goodHook, "hooks[1].name", "stands twice"},
	} {
		text := "receiver: {"
		if c.listen != "" {
			text += "listen: '" + c.listen + "', "
		}
		if c.hooks != "" {
			text += "hooks: [{" + c.hooks + "}]"
		}
		_, err := load(t, goodConfig+text+"}\n")
		if err == nil || !strings.Contains(err.Error(), ":11:receiver."+c.place+": ") ||
			!strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v; want %q at %s", name, err, c.problem, c.place)
		}
	}
	taken, err := load(t, goodConfig+"receiver: {listen: 127.0.0.1:9292, hooks: [{"+goodHook+"}]}\n")
	if err != nil || !filepath.IsAbs(taken.Receiver.Hooks[0].SecretFile) {
		t.Errorf("%+v, %v", taken, err)
	}
}

// A hook whose secret is not there, empty or guessed would be one that anybody may send.
func TestAHookNeedsASecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	r := config.Receiver{Hooks: []config.Hook{{Name: "forge", Type: receiver.GitHub, SecretFile: file}}}
	if _, err := r.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, text := range []string{"", "\n", "hunter2 hunter2\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := r.Load()
		if err == nil || !strings.Contains(err.Error(), "fewer than 16 bytes") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v; want its length, and not the text", text, err)
		}
	}
	if err := os.WriteFile(file, []byte("0123456789abcdef\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Load(); err != nil || string(got[0].Secret) != "0123456789abcdef" {
		t.Errorf("%v, %v; want the text without its line end", got, err)
	}
}
