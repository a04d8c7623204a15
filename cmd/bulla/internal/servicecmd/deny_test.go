package servicecmd

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func TestADenialSaysWhatWhyAndUntilWhen(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	stub := filepath.Join(t.TempDir(), "db.yaml")
	text := []byte(testfleet.Stub("db"))
	if err := os.WriteFile(stub, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		cluster, reason, stub, until string
		length                       time.Duration
		want                         time.Time
	}{
		"for a day": {cluster: "eu", reason: "stolen", length: 24 * time.Hour, want: now.Add(24 * time.Hour)},
		"until a time": {
			cluster: "eu", reason: "stolen", until: "2026-11-23T08:00:00Z",
			want: now.Add(24 * time.Hour),
		},
		"until a day": {
			cluster: "eu", reason: "stolen", until: "2026-11-25",
			want: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC),
		},
		"of a stub":           {stub: stub, reason: "leaked", length: time.Hour, want: now.Add(time.Hour)},
		"of nothing":          {reason: "leaked", length: time.Hour},
		"without a reason":    {cluster: "eu", reason: " ", length: time.Hour},
		"without an end":      {cluster: "eu", reason: "stolen"},
		"that is over":        {cluster: "eu", reason: "stolen", until: "2026-11-01T08:00:00Z"},
		"until no time":       {cluster: "eu", reason: "stolen", until: "tomorrow"},
		"of a stub not there": {cluster: "eu", reason: "stolen", stub: stub + "x", length: time.Hour},
	} {
		flags := &denyFlags{stub: test.stub, until: test.until, length: test.length}
		flags.in.Cluster, flags.in.Reason = test.cluster, test.reason
		err := flags.request(func(s string) string { return s }, now)
		var f *fault.Error
		switch {
		case test.want.IsZero() && (err == nil || !errors.As(err, &f) || f.Hint == ""):
			t.Errorf("%s: %v", name, err)
		case !test.want.IsZero() && (err != nil || flags.in.Until != test.want.UnixMicro()):
			t.Errorf("%s: until %d, %v", name, flags.in.Until, err)
		case err == nil && flags.stub != "" && flags.in.Digest != api.StubDigest(text):
			t.Errorf("%s: digest %s", name, flags.in.Digest)
		}
	}
}

func TestTheHeadIsSaidWithItsAge(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	accepted, looked := now.Add(-2*time.Hour), now.Add(-5*time.Second)
	status := ledger.Status{Head: "h", Time: now, Accepted: &accepted, Looked: &looked}
	if got := headLine(status); got != "head h, accepted 120m ago, seen to be the newest 5s ago" {
		t.Errorf("%q", got)
	}
	if got := headLine(ledger.Status{}); got != "" {
		t.Errorf("of no head: %q", got)
	}
}
