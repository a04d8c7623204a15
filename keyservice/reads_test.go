package keyservice_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/tally"
)

// TestWhatAPageAsksAgainIsCounted: the first is an entry before it is answered, the rest a
// number. What a person asks by hand alone stands there each time.
func TestWhatAPageAsksAgainIsCounted(t *testing.T) {
	w := newWorld(t)
	w.eventually("ready", w.isReady)
	ann, bob := w.person("ann", config.RoleDeveloper), w.person("bob", config.RoleDeveloper)
	acts := func(who string) (details []string, again int) {
		for _, e := range w.recorded(audit.Person) {
			byOthers := strings.HasPrefix(e.Detail, "may use ") || strings.HasPrefix(e.Detail, "certificate ")
			if e.Person == who && e.Outcome == audit.Done && !byOthers {
				details, again = append(details, e.Detail), again+e.Count
			}
		}
		return details, again
	}
	const refreshes = 20
	for range refreshes {
		if _, err := ann.admin.Describe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := ann.look(t); err != nil {
			t.Fatal(err)
		}
	}
	if err := bob.look(t); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := ann.admin.ListDenials(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"Describe", "ListLedger", "ListDenials", "ListDenials", "ListDenials"}
	if got, _ := acts("ann"); !slices.Equal(got, want) {
		t.Errorf("ann's acts are %v", got)
	}
	if got, _ := acts("bob"); !slices.Equal(got, []string{"ListLedger"}) {
		t.Errorf("bob's acts are %v", got)
	}
	w.offset.Store(int64(tally.ReadWindow + time.Minute))
	w.service.FlushDenials(t.Context(), false)
	got, again := acts("ann")
	if len(got) != len(want)+2 || again != 2*(refreshes-1) {
		t.Errorf("after the window: %v, %d again", got, again)
	}
	for _, of := range []string{"Describe, again since ", "ListLedger, again since "} {
		if !slices.ContainsFunc(got, func(d string) bool { return strings.HasPrefix(d, of) }) {
			t.Errorf("no count of %s: %v", of, got)
		}
	}
	if err := ann.look(t); err != nil {
		t.Fatal(err)
	}
	if now, _ := acts("ann"); len(now) != len(got)+1 {
		t.Errorf("the first of the next window: %v", now)
	}
}

// TestOnlyWhatChangesNothingIsCounted pins the routes whose repetitions are no entries: none
// gives a stub, or the log.
func TestOnlyWhatChangesNothingIsCounted(t *testing.T) {
	var repeats []string
	for _, route := range keyservice.Routes() {
		if route.Repeats {
			repeats = append(repeats, route.Path[strings.LastIndex(route.Path, "/")+1:])
		}
	}
	if want := []string{"ListLedger", "Describe"}; !slices.Equal(repeats, want) {
		t.Errorf("counted: %v, and not %v", repeats, want)
	}
}
