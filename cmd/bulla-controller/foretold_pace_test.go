package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/plan"
)

// ghost is a cluster that is in the fleet and never comes: a wave of it stays closed.
const ghost = "ghost"

const (
	openWindow  = "  windows: [{schedule: \"0 0 * * *\", duration: 24h}]\n"
	firstWave   = "  rollout: {waves: [{clusterName: prod-eu}, {}]}\n"
	secondWave  = "  rollout: {waves: [{clusterName: " + ghost + "}, {}]}\n"
	pausedWaves = "  rollout: {paused: true, waves: [{}]}\n"
)

var consents = regexp.MustCompile(`\n  prune: \{consent: .*\n`)

// closedWindow opens in six hours.
func closedWindow() string {
	return fmt.Sprintf("  windows: [{schedule: \"0 %d * * *\", duration: 1h}]\n", (time.Now().UTC().Hour()+6)%24)
}

// paced gives a placement what says how and when it comes, and has something of it come.
func (f *foretoldWorld) paced(next testfleet.Files, app, name string) string {
	next[file(app, name)] = f.object(name)
	return "another " + name + ", and " + f.pace(next, app)
}

func (f *foretoldWorld) pace(next testfleet.Files, app string) string {
	file := "placements/" + app + ".yaml"
	switch f.random.IntN(3) {
	case 0:
		next[file] = f.placement(app, fmt.Sprintf(`  variants:
  - name: eu
    clusterSet: retail
    substitute: {WORD: "%d"}
    patches:
    - target: {kind: ConfigMap}
      patch: |
        - {op: add, path: /data/word, value: "${WORD}"}
`, f.random.IntN(1000)))
		return app + " has a variant"
	case 1:
		next[file] = f.placement(app, firstWave)
		return app + " comes in waves, here first"
	}
	next[file] = f.placement(app, openWindow)
	return app + " has a window, which is open"
}

// waits has a placement change that does not come now: something new, and something that
// Git drops.
func (f *foretoldWorld) waits(next testfleet.Files, app, how string) string {
	next["placements/"+app+".yaml"] = f.placement(app, how)
	next[file(app, "late")] = f.object("late")
	objects := objectsOf(next, app)
	return "what comes late to " + app + " waits (" + strings.TrimSpace(how) + "), and " +
		f.drops(next, f.pick(objects...))
}

// holds says of the changes of a delivery that wait whether they do so on this cluster: of
// its waves it is in the first that has it.
func (f *foretoldWorld) holds(d plan.Delivery) bool {
	for _, wait := range d.Waits {
		if !strings.HasPrefix(wait, "it comes in waves") {
			f.met["waiting for its time"]++
			return true
		}
	}
	if len(d.Waits) == 0 {
		return false
	}
	if strings.Contains(f.files["placements/"+d.Placement+".yaml"], "clusterName: "+ghost) {
		f.met["waiting for its wave"]++
		return true
	}
	f.met["in the first wave"]++
	return false
}

// dropped is what happened before a change: a commit between the two that left nearly
// everything out, to which fleet.yaml of the head consents.
type dropped struct {
	f      *foretoldWorld
	commit string
	files  testfleet.Files
}

// Follows: it lies between the two, whatever those are called.
func (h *dropped) Follows(commit, other string) bool { return commit != other }

func (h *dropped) Side(string) (*plan.Side, error) { return h.f.side(h.files), nil }

func (h *dropped) Versions(context.Context, string, []string, func(string, plan.Version)) (map[string]bool, error) {
	return nil, nil
}

// consented has nearly everything of an application go with consent: in a commit of its
// own, which the cluster may hold for a moment.
func (f *foretoldWorld) consented(next testfleet.Files, app string) string {
	for _, object := range objectsOf(next, app) {
		f.drops(next, object)
	}
	last := fmt.Sprint("last-", f.step) // it stays, and another one may come elsewhere
	next[file(app, last)] = f.object(last)
	f.past = &dropped{f: f, files: maps.Clone(next), commit: f.push(next)}
	// What was consented to before was done, and nobody asks for it again.
	fleet := consents.ReplaceAllString(next["fleet.yaml"], "\n")
	next["fleet.yaml"] = strings.Replace(fleet, "\nspec:\n", fmt.Sprintf(
		"\nspec:\n  prune: {consent: [{revision: %s, reason: it moved}]}\n", f.past.commit), 1)
	return "nearly everything of " + app + " goes, with consent"
}

// named is an object of an application and who reads it there, where there is one.
func (f *foretoldWorld) named(next testfleet.Files, app string) string {
	readers := slices.DeleteFunc(objectsOf(next, app), func(o string) bool {
		return reads[o] == "" || appOf(next, reads[o]) != app
	})
	if len(readers) > 0 {
		return reads[readers[0]]
	}
	return f.pick(objectsOf(next, app)...)
}
