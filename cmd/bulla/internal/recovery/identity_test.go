package recovery_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/recovery"
)

const passphrase = "a passphrase of the test"

func identity(t *testing.T) *age.HybridIdentity {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// encrypted is an identity file as age -p makes it.
func encrypted(t *testing.T, text string, armored bool) []byte {
	t.Helper()
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(10)
	var out, inner bytes.Buffer
	w, err := age.Encrypt(&inner, recipient)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if !armored {
		return inner.Bytes()
	}
	a := armor.NewWriter(&out)
	_, err = a.Write(inner.Bytes())
	if err = errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// source notes the warnings.
func source(said string, stdin []byte) (*recovery.Source, *[]string) {
	var warned []string
	return &recovery.Source{Stdin: bytes.NewReader(stdin), Passphrase: func(string) (string, error) { return said, nil },
		Warn: func(format string, args ...any) { warned = append(warned, fmt.Sprintf(format, args...)) }}, &warned
}

func TestIdentityFilesAreRead(t *testing.T) {
	one, two := identity(t), identity(t)
	text := "# created: today\n" + one.String() + "\n"
	for name, data := range map[string][]byte{"plain": []byte(text), "encrypted": encrypted(t, text, false),
		"armored": encrypted(t, text, true)} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, warned := source(passphrase, []byte(two.String()))
		ids, err := s.Identities([]string{path, "-"})
		if err != nil || len(ids) != 2 || len(*warned) > 0 {
			t.Errorf("%s: %d identities, %v, %q", name, len(ids), err, *warned)
		}
	}
}

func TestAKeyThatOthersCanReadIsUsedWithAWarning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(identity(t).String()), 0o640); err != nil {
		t.Fatal(err)
	}
	s, warned := source("", nil)
	if ids, err := s.Identities([]string{path}); err != nil || len(ids) != 1 || len(*warned) != 1 {
		t.Errorf("%d identities, %v, %q", len(ids), err, *warned)
	}
}

// TestNoErrorQuotesAnIdentity: what is refused may be one, or nearly.
func TestNoErrorQuotesAnIdentity(t *testing.T) {
	key := identity(t).String()
	torn := key[:len(key)-1]
	for name, data := range map[string][]byte{
		"torn": []byte(torn), "two on a line": []byte(key + " " + key), "of a plugin": []byte("AGE-PLUGIN-X-1QQQ\n" + key),
		"nothing": nil, "too large": append([]byte(key+"\n"), bytes.Repeat([]byte("#\n"), 1<<20)...),
		"another passphrase": encrypted(t, key, false), "another passphrase, armored": encrypted(t, key, true),
		"torn inside": encrypted(t, torn, true), "a torn file": encrypted(t, key, false)[:100],
	} {
		said := "another"
		if name == "torn inside" {
			said = passphrase
		}
		s, _ := source(said, data)
		_, err := s.Identities([]string{"-"})
		if err == nil || strings.Contains(err.Error(), torn[20:60]) || strings.Contains(err.Error(), said) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	s, _ := source("", nil)
	if _, err := s.Identities([]string{filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
