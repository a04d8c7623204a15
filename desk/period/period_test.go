package period_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/desk/period"
)

func TestASpanIsWrittenShortAndParsesBack(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "720h": 720 * time.Hour, "30m": 30 * time.Minute, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute,
		"20s": 20 * time.Second, "1h0m10s": time.Hour + 10*time.Second, "10m0.5s": 10*time.Minute + 500*time.Millisecond,
		"250ms": 250 * time.Millisecond, "-2h": -2 * time.Hour, "100h": 100 * time.Hour,
	} {
		got := period.Text(d)
		if back, err := time.ParseDuration(got); got != want || back != d || err != nil {
			t.Errorf("%s is written %q, want %q; it reads back as %s, %v", d, got, want, back, err)
		}
	}
}

func TestTheDefaultOfAFlagIsWrittenShort(t *testing.T) {
	var d time.Duration
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	period.Var(flags, &d, "window", 30*24*time.Hour, "how far back")
	if usage := flags.FlagUsages(); d != 720*time.Hour ||
		!strings.Contains(usage, "--window duration   how far back (default 720h)\n") {
		t.Errorf("%s: %s", d, usage)
	}
}
