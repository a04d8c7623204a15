package fleetsync

import (
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// until places an application with an end.
func (w *world) until(app string, end time.Time) {
	w.Helper()
	files := w.app(app, "1")
	files["placements/"+app+".yaml"] = new(testfleet.Placement(app, "apps/"+app, app,
		"{clusterName: "+testCluster+", notAfter: '"+end.UTC().Format(time.RFC3339)+"'}"))
	w.commit("place "+app+" until "+end.String(), files)
}

// clocks sets both clocks to a time from now; the service's to nothing for a negative one.
func (w *world) clocks(own, service time.Duration) {
	w.ahead.Store(int64(own))
	w.service.Store(0)
	if service >= 0 {
		w.service.Store(time.Now().Add(service).UnixNano())
	}
}

// TestATargetEndsOnceBothClocksSaySo: by itself, while the remote is down too, and for
// good.
func TestATargetEndsOnceBothClocksSaySo(t *testing.T) {
	w := newWorld(t)
	w.place("1", "stays", "stays-too")
	soon := time.Now().Add(time.Hour).Truncate(time.Second)
	w.until("soon", soon)
	w.ahead.Store(int64(2 * time.Hour))
	w.service.Store(soon.Add(-time.Second).UnixNano())
	w.synced()
	w.expect([]string{"soon", "stays", "stays-too"})
	w.service.Store(soon.UnixNano())
	w.eventually("the controller wakes at the end by itself", func() bool { return w.deliveries()["soon"].Spec.Removed })
	w.eventually("the status keeps the end", func() bool {
		last := w.get().Status.LastEnd
		return last != nil && last.Time.Equal(soon)
	})

	end := soon.Add(time.Hour)
	w.until("ends", end)
	w.clocks(0, 0)
	w.synced()
	for name, clocks := range map[string][2]time.Duration{
		"the service says nothing":      {3 * time.Hour, -1},
		"the service's clock is behind": {3 * time.Hour, 0},
		"its own clock is behind":       {0, 3 * time.Hour},
	} {
		w.clocks(clocks[0], clocks[1])
		w.synced()
		if w.deliveries()["ends"].Spec.Removed {
			t.Fatalf("%s, and the placement was removed", name)
		}
	}
	w.server.Refuse(503)
	w.clocks(3*time.Hour, 3*time.Hour)
	w.sync()
	w.expect([]string{"stays", "stays-too"}, "ends", "soon")
	w.server.Heal()

	// A restart that hears nothing of the service's clock brings nothing back.
	w.clocks(0, -1)
	w.restart()
	w.synced()
	w.expect([]string{"stays", "stays-too"}, "ends", "soon")
	if !end.After(time.Now()) {
		t.Fatal("the test took hours")
	}
	// A later end in Git grants it again.
	w.until("ends", end.Add(24*time.Hour))
	w.synced()
	w.expect([]string{"ends", "stays", "stays-too"}, "soon")
}
