package fleet

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func TestAWindowIsOpenFromItsScheduleForItsDuration(t *testing.T) {
	nightly := PlacementWindow{
		Schedule: "0 2 * * *", Duration: Duration{Duration: 3 * time.Hour}, TimeZone: "Europe/Berlin",
	}
	weekend := PlacementWindow{Schedule: "30 22 * * 6", Duration: Duration{Duration: 30 * time.Hour}}
	for _, c := range []struct {
		name    string
		windows []PlacementWindow
		now     string
		next    string // "" for open now
	}{
		{"no windows", nil, "2026-11-29T12:00:00Z", ""},
		{"before", []PlacementWindow{nightly}, "2026-11-29T00:59:59Z", "2026-11-29T01:00:00Z"},
		{"as it opens", []PlacementWindow{nightly}, "2026-11-29T01:00:00Z", ""},
		{"within", []PlacementWindow{nightly}, "2026-11-29T03:59:59Z", ""},
		{"as it closes", []PlacementWindow{nightly}, "2026-11-29T04:00:00Z", "2026-11-30T01:00:00Z"},
		{"in summer, an hour sooner", []PlacementWindow{nightly}, "2026-07-01T00:00:00Z", ""},
		{"in a night whose hour is skipped", []PlacementWindow{nightly}, "2027-03-28T02:00:00Z", "2027-03-29T00:00:00Z"},
		{"in a night whose hour comes twice", []PlacementWindow{nightly}, "2026-10-25T02:30:00Z", ""},
		{"over midnight, into another day", []PlacementWindow{weekend}, "2026-11-29T23:00:00Z", ""},
		{"over midnight, and over", []PlacementWindow{weekend}, "2026-11-30T04:30:00Z", "2026-12-05T22:30:00Z"},
		{"the sooner of two", []PlacementWindow{weekend, nightly}, "2026-11-27T12:00:00Z", "2026-11-28T01:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		open, next := PlacementSpec{Windows: c.windows}.OpenAt(now)
		got := ""
		if !next.IsZero() {
			got = next.UTC().Format(time.RFC3339)
		}
		if open != (c.next == "") || got != c.next {
			t.Errorf("%s: open %v, next %q; want %q", c.name, open, got, c.next)
		}
	}
}
