package printable_test

import (
	"os/exec"
	"testing"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// A shell reads each word as the text that it was.
func TestAWordIsOneWord(t *testing.T) {
	for text, want := range map[string]string{
		"apps/pay/card.yaml":     "apps/pay/card.yaml",
		"übersicht/a.yaml":       "übersicht/a.yaml",
		"apps/team blue/a.yaml":  "'apps/team blue/a.yaml'",
		"$(touch x)/`id`;a&b|c>": "'$(touch x)/`id`;a&b|c>'",
		"it's":                   `'it'\''s'`,
		"~/a*?[b]{c,d}!#\\\"":    "'~/a*?[b]{c,d}!#\\\"'",
		"":                       "''",
	} {
		got := printable.Word(text)
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
		said, err := exec.Command("sh", "-c", "printf %s "+got).Output()
		if err != nil || string(said) != text {
			t.Errorf("a shell reads %s as %q (%v)", got, said, err)
		}
	}
}
