package personal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/personal"
)

type document struct {
	Words []string `json:"words"`
}

var errExposed = errors.New("others can read it")

// TestAPersonsFileIsTheirsAlone: it is written so, and refused otherwise; what is in
// a file that does not parse is not quoted where it may be a key.
func TestAPersonsFileIsTheirsAlone(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	store, err := personal.Open[document]("words.yaml", personal.Rules{
		Nobody: 0o077, Exposed: errExposed, Then: "and look at it", Writer: "`bulla words`", Secret: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := store.Read(); err != nil || got.Words != nil {
		t.Fatalf("before there is a file: %v, %v", got, err)
	}
	if err := store.Write(document{[]string{"a"}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(store.Path())
	if err != nil || info.Mode().Perm() != 0o600 || filepath.Base(filepath.Dir(store.Path())) != "bulla" {
		t.Errorf("it is %v at %s, %v", info.Mode(), store.Path(), err)
	}
	if got, err := store.Read(); err != nil || len(got.Words) != 1 {
		t.Errorf("read %v, %v", got, err)
	}
	if err := os.Chmod(store.Path(), 0o640); err != nil {
		t.Fatal(err)
	}
	var exposed *fault.Error
	if _, err := store.Read(); !errors.Is(err, errExposed) || !errors.As(err, &exposed) ||
		exposed.Code != fault.Trust || exposed.Hint != "chmod 600 "+store.Path()+", and look at it" {
		t.Errorf("a file that a group can read: %v", err)
	}
	if err := os.Chmod(store.Path(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"words: s3cret", "words: [s3cret]\n---\nwords: [a]\n", "words: [s3cret]\nwords: [a]\n", "words: [\"s3cret\u202e\"]\n",
	} {
		if err := os.WriteFile(store.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var f *fault.Error
		if _, err := store.Read(); err == nil || strings.Contains(err.Error(), "s3cret") || !errors.As(err, &f) ||
			f.Hint == "" {
			t.Errorf("%q does not parse: %v", text, err)
		}
	}
}
