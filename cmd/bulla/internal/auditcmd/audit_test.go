package auditcmd

import (
	"testing"
	"time"
)

func TestATimeIsReadAsPeopleWriteIt(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "36h": now.Add(-36 * time.Hour), "2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-22T07:00:00Z":        now.Add(-time.Hour),
		"2026-11-22T08:00:00.5+01:00": now.Add(-time.Hour + 500*time.Millisecond),
	} {
		if got, err := moment("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "2026-13-01", "5"} {
		if got, err := moment("since", text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
