package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/check"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/passed"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestARecipientIsParsedOnce: by the run that meets it first. One that is none is told by
// each run.
func TestARecipientIsParsedOnce(t *testing.T) {
	w := newWorld(t)
	git := t.TempDir()
	if err := os.Mkdir(filepath.Join(git, "bulla"), 0o700); err != nil {
		t.Fatal(err)
	}
	open := func() *passed.Set { return passed.Open(git, "recipients", "p") }
	bad := testfleet.Files{
		"clusters/three.yaml": testfleet.ClusterOf("three", "sha256:"+strings.Repeat("ab", 32), "age1pq1xyz")}
	for range 2 {
		if got := w.findingsKnowing(t, bad, &check.Known{Recipients: open()}); !strings.Contains(got, "is not a cluster's") {
			t.Errorf("of a recipient that is none: %q", got)
		}
	}
	_, after, _ := strings.Cut(testfleet.Cluster("two", ""), "recipient: ")
	good, _, _ := strings.Cut(after, "\n")
	if set := open(); !set.Has([]byte(good)) || set.Has([]byte("age1pq1xyz")) {
		t.Error("what is remembered is not the recipients that can be sealed to")
	}

	set := open()
	set.Note([]byte("age1pq1xyz"))
	set.Save()
	if got := w.findingsKnowing(t, bad, &check.Known{Recipients: open()}); got != "" {
		t.Errorf("a recipient that a run before parsed is parsed again: %s", got)
	}
}
