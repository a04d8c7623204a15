package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/plan"
)

// past is a straight history, the oldest first.
type past struct {
	w       *world
	commits []string
	files   []testfleet.Files
	shallow bool
}

func (h past) index(commit string) int {
	for i, c := range h.commits {
		if c == commit {
			return i
		}
	}
	return -1
}

func (h past) Follows(commit, other string) bool {
	return h.index(other) >= 0 && h.index(commit) >= h.index(other)
}

func (h past) Side(commit string) (*plan.Side, error) {
	return h.w.side(commit, h.files[h.index(commit)]), nil
}

func (h past) Versions(_ context.Context, commit string, files []string, each func(string, plan.Version)) (
	lacking map[string]bool, err error,
) {
	lacking = map[string]bool{}
	for _, file := range files {
		lacking[file] = h.shallow
		for i := h.index(commit); i >= 0; i-- {
			if text := h.files[i][file]; text != "" {
				each(file, plan.Version{Commit: h.commits[i], Data: []byte(text)})
			}
		}
	}
	return lacking, nil
}

func (h past) between(base, head int) *plan.Plan {
	h.w.t.Helper()
	p, err := plan.Between(h.w.t.Context(), h.w.side(h.commits[base], h.files[base]),
		h.w.side(h.commits[head], h.files[head]), plan.Options{Builder: h.w.builder, History: h})
	if err != nil {
		h.w.t.Fatal(err)
	}
	return p
}

// TestAnOldValueThatReturnsIsTold: it may have been replaced because somebody knew it.
func TestAnOldValueThatReturnsIsTold(t *testing.T) {
	w := newWorld(t)
	next := w.files.With(testfleet.Files{"apps/shop/db.yaml": w.seal("db", "set/stores")})
	h := past{w: w, commits: []string{"a", "b", "c", "d"}, files: []testfleet.Files{w.files, next, w.files,
		next.With(testfleet.Files{"apps/shop/db.yaml": w.seal("db", "set/stores")})}}
	want := []plan.Return{{Stub: "apps/shop/db.yaml", Fields: []string{"/data/password"}, Commit: "a"}}
	if diff := cmp.Diff(want, h.between(1, 2).Returns); diff != "" {
		t.Errorf("the value of before (-want +got):\n%s", diff)
	}
	if p := h.between(1, 3); len(p.Returns) != 0 || len(p.Notes) != 0 {
		t.Errorf("a new value: %+v %q", p.Returns, p.Notes)
	}
	h.shallow = true
	if p := h.between(1, 3); len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "not all of the history") {
		t.Errorf("of a shallow clone: %q", p.Notes)
	}
}

// TestConsentInTheSameBranchIsRead: what it lets go is not held, and what came after it is.
func TestConsentInTheSameBranchIsRead(t *testing.T) {
	w := newWorld(t)
	all := testfleet.Files{}
	for i := range 6 {
		all[fmt.Sprintf("apps/shop/c%d.yaml", i)] = testfleet.ConfigMap(fmt.Sprint("c", i))
	}
	for _, name := range []string{"a", "b"} {
		all["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
		all["apps/"+name+"/c.yaml"] = testfleet.ConfigMap("c")
	}
	base := w.files.With(all)
	less := func(names ...string) testfleet.Files {
		files := base.With(nil)
		for _, name := range names {
			delete(files, name)
		}
		return files
	}
	revision := strings.Repeat("4b", 20)
	var objects []string
	for i := range 5 {
		objects = append(objects, fmt.Sprintf("apps/shop/c%d.yaml", i))
	}
	two := less("placements/a.yaml", "placements/b.yaml")
	for name, test := range map[string]struct {
		consented, head testfleet.Files
		held            bool
	}{
		"objects":               {less(objects...), less(objects...), false},
		"objects, afterwards":   {base, less(objects...), true},
		"placements":            {two, two, false},
		"placements, not all":   {less("placements/a.yaml"), two, false},
		"placements, no longer": {base, two, true},
	} {
		spec := w.root.Spec(2)
		spec.Prune = &api.FleetPrune{Consent: []api.PruneConsent{{Revision: revision, Reason: "closed"}}}
		h := past{w: w, commits: []string{"base", revision, "head"}, files: []testfleet.Files{base, test.consented,
			test.head.With(testfleet.Files{"fleet.yaml": w.root.File(t, &spec)})}}
		p := h.between(0, 2)
		if got := p.Summary.PrunesHeld > 0; got != test.held {
			t.Errorf("%s: held: %v, want %v: %+v", name, got, test.held, p.Deliveries[0].Prune)
		}
		if consented := p.Deliveries[0].Prune.Consented; test.held == (len(consented) == 1 && consented[0] == revision) {
			t.Errorf("%s: by %q", name, consented)
		}
	}
}
