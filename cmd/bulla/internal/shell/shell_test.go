package shell_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// hint is what an error of usage or failure says to do.
func hint(t *testing.T, err error) string {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("no hint: %v", err)
	}
	return f.Hint
}

func TestAFlagsValueIsToldWithTheClosest(t *testing.T) {
	if err := shell.OneOf("state", "InUsed", []string{"InUse", "Unknown"}); !strings.HasPrefix(hint(t, err),
		"did you mean InUse?") {
		t.Errorf("of a flag's value: %v", err)
	}
	if err := shell.OneOf("state", "", []string{"InUse"}); err != nil {
		t.Errorf("of a flag that was not given: %v", err)
	}
}

func TestWhatIsLeftOutIsWarnedOfAndCounted(t *testing.T) {
	var out, err strings.Builder
	s := &shell.Shell{Stdout: &out, Stderr: &err, Screen: &err}
	s.LeaveOutAll([]model.Unreadable{{Path: "a.yaml", Err: fmt.Errorf("one\ntwo")},
		{Path: "c.yaml", Err: fault.New("do four", "three")}})
	s.Notef("look at %s", "b")
	s.Progress()("not on a terminal")
	s.Nothing(0, "no login")
	want := "warning: a.yaml is left out: one; two\n" +
		"warning: c.yaml is left out: three; hint: do four\nnote: look at b\nnothing matched: no login\n"
	if s.Missed != 2 || out.String() != "" || err.String() != want {
		t.Errorf("missed %d, %q, %q", s.Missed, out.String(), err.String())
	}
}

func TestTimesAndHashesAreSaidInWords(t *testing.T) {
	now := time.Now()
	before, after := now.Add(-90*time.Second), now.Add(time.Hour)
	for got, want := range map[string]string{
		shell.Ago(now, &before): "90s", shell.Ago(now, &after): "0s", shell.Ago(now, nil): "",
		shell.Short("0123456789abcdef"): "0123456789ab", shell.Short("0a"): "0a",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAFleetIsThatOfTheFlagOrOfTheRepository(t *testing.T) {
	dir := t.TempDir()
	testfleet.Two().Write(t, dir)
	s := &shell.Shell{Repo: dir}
	if id, err := s.FleetID(""); err != nil || id != strings.Repeat("0a", 16) {
		t.Errorf("of the repository: %q, %v", id, err)
	}
	if id, err := s.FleetID(strings.Repeat("0b", 16)); err != nil || id != strings.Repeat("0b", 16) {
		t.Errorf("of the flag: %q, %v", id, err)
	}
	if _, err := s.FleetID("acme"); err == nil || strings.Contains(err.Error(), "acme") {
		t.Errorf("of what is none: %v", err)
	}
	if id, err := (&shell.Shell{Repo: t.TempDir()}).FleetID(""); id != "" || err != nil {
		t.Errorf("of neither: %q, %v", id, err)
	}
}
