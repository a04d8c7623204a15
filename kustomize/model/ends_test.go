package model_test

import (
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/google/go-cmp/cmp"
)

// TestATargetPastItsTimeIsAsIfTheLineWereNotThere: for whoever asks, and a placement
// that two targets hold ends with the later.
func TestATargetPastItsTimeIsAsIfTheLineWereNotThere(t *testing.T) {
	const first, second = "2027-03-31T00:00:00Z", "2027-03-31T04:00:00+02:00"
	f := testfleet.Two().With(testfleet.Files{
		"placements/app.yaml": testfleet.Placement("app", "apps/app", "app",
			"{clusterSet: stores, notAfter: '"+first+"'}, {clusterName: one, notAfter: '"+second+"'}"),
		"placements/team/tool.yaml": testfleet.Placement("tool", "apps/tool", "tool",
			"{clusterName: one, notAfter: '"+first+"'}, {clusterSet: stores}"),
	})
	_, m := load(t, f)
	if len(m.Problems) > 0 {
		t.Fatal(problems(m))
	}
	end, later := at(t, first), at(t, second)
	for _, c := range []struct {
		name     string
		now      time.Time
		one, two []string
		ended    []string // on two
		next     time.Time
	}{
		{"no time", time.Time{}, []string{"app", "tool"}, []string{"app", "tool"}, nil, end},
		{"a moment before", end.Add(-1), []string{"app", "tool"}, []string{"app", "tool"}, nil, end},
		{"at that moment", end, []string{"app", "tool"}, []string{"tool"}, []string{"app"}, later},
		{"after both", later, []string{"tool"}, []string{"tool"}, []string{"app"}, time.Time{}},
	} {
		now := m.At(c.now)
		next, ok := now.NextEnd()
		if diff := cmp.Diff([][]string{c.one, c.two, c.ended}, [][]string{now.PlacedOn("one"), now.PlacedOn("two"),
			emptyAsNil(now.EndedOn("two"))}); diff != "" || !next.Equal(c.next) || ok == c.next.IsZero() {
			t.Errorf("%s: next %s (%v), want %s; %s", c.name, next, ok, c.next, diff)
		}
		for _, name := range []string{"one", "two"} {
			for _, placement := range []string{"app", "tool"} {
				reached, has := now.TargetsOf(placement), now.PlacedOn(name)
				if contains(reached, name) != contains(has, placement) {
					t.Errorf("%s: %s on %s: two answers, %v and %v", c.name, placement, name, reached, has)
				}
			}
		}
	}
	if got, ok := m.EndOf("app", "one"); !ok || !got.Equal(later) {
		t.Errorf("app leaves one at %s (%v), want the later %s", got, ok, later)
	}
	if got, ok := m.EndOf("tool", "one"); ok {
		t.Errorf("tool leaves one at %s, and a target without an end holds it", got)
	}
	if last, ok := m.At(end).LastEnd(); !ok || !last.Equal(end) {
		t.Errorf("ended last at %s (%v), want %s", last, ok, end)
	}
	if got := len(m.At(later).LiveTargets("app")); got != 0 {
		t.Errorf("%d targets of app live on", got)
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when.UTC()
}

func emptyAsNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func contains(list []string, item string) bool {
	for _, one := range list {
		if one == item {
			return true
		}
	}
	return false
}
