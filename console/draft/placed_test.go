package draft_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

// place is the draft of an application that comes to a target, or leaves it.
func (w *world) place(kind draft.Kind, target string) (draft.Draft, error) {
	w.Helper()
	to, err := sealing.ParseTarget(target)
	if err != nil {
		w.Fatal(err)
	}
	return w.Begin(w.Context(), "ann", draft.Choice{Kind: kind, Placement: "app", Targets: []sealing.Target{to}})
}

// places makes one that can be made, merges it, and gives the clusters that it names then.
func (w *world) places(kind draft.Kind, target string) []string {
	w.Helper()
	d, err := w.place(kind, target)
	if err != nil {
		w.Fatal(err)
	}
	if p := w.preview(d); p.Plan.Blocked() {
		w.Fatalf("%s: %+v", p.Title(), p.Plan.Blockers)
	}
	w.merge(d.Files)
	s, err := w.Clone.Snapshot(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return s.Model.TargetsOf("app")
}

// TestAnApplicationLeavesOneClusterOfASet, whose others keep it, and comes back; a cluster
// more gets it, and all that a set has.
func TestAnApplicationLeavesOneClusterOfASet(t *testing.T) {
	w := newWorld(t)
	const file = "placements/app.yaml"
	for _, step := range []struct {
		kind        draft.Kind
		target, on  string
		has, hasNot string
	}{
		{draft.Leave, "cluster/two", "[one]", "clusterName: one", "stores"},
		{draft.Join, "cluster/two", "[one two]", "clusterName: two", "stores"},
		{draft.Leave, "cluster/one", "[two]", "clusterName: two", "clusterName: one"},
		{draft.Join, "set/stores", "[one two]", "clusterSet: stores", "clusterName: one"},
		{draft.Leave, "cluster/two", "[one]", "clusterName: one", "stores"}, // it has it by name and by the set
		{draft.Join, "set/stores", "[one two]", "clusterSet: stores", ""},
		{draft.Leave, "set/stores", "[one]", "clusterName: one", "stores"},
	} {
		on := fmt.Sprint(w.places(step.kind, step.target))
		text := w.git("show", "main:"+file)
		if on != step.on || !strings.Contains(text, step.has) || step.hasNot != "" && strings.Contains(text, step.hasNot) {
			t.Fatalf("%s %s: on %s, want %s:\n%s", step.kind, step.target, on, step.on, text)
		}
	}
}

// TestWhereAnApplicationCannotComeOrGoSaysWhatToDo.
func TestWhereAnApplicationCannotComeOrGoSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	refused := func(kind draft.Kind, target, why, hint string) {
		t.Helper()
		_, err := w.place(kind, target)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(fault.Hint(err), hint) {
			t.Errorf("%s %s: %v, hint %q", kind, target, err, fault.Hint(err))
		}
	}
	refused(draft.Join, "cluster/none", "has no", "anew")
	refused(draft.Join, "set/none", "has no", "anew")
	refused(draft.Join, "set/stores", "already", "anew")
	refused(draft.Leave, "set/others", "is not placed on", "anew")
	refused(draft.Leave, "set/stores", "nowhere but on", "retire")
	ends := strings.Replace(w.git("show", "main:placements/app.yaml"), "{clusterSet: stores}",
		`{clusterSet: stores, notAfter: "2999-01-01T00:00:00Z"}`, 1)
	w.merge(map[string][]byte{"placements/app.yaml": []byte(ends + "\n")})
	refused(draft.Leave, "cluster/two", "which ends 2999", "edit the file")
	many := map[string][]byte{
		"placements/app.yaml": []byte(testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}"))}
	for i := range draft.MostNamed {
		name := fmt.Sprintf("more-%d", i)
		many["clusters/"+name+".yaml"] = []byte(testfleet.Cluster(name, ""))
	}
	w.merge(many)
	refused(draft.Leave, "cluster/two", "too many to be named", "make a set")
	if _, err := w.Begin(t.Context(), "ann", draft.Choice{Kind: draft.Leave, Placement: "app"}); err == nil {
		t.Error("nowhere is left")
	}
	if _, err := w.Begin(t.Context(), "ann", draft.Choice{Kind: draft.Leave, Placement: "none",
		Targets: []sealing.Target{{Kind: sealing.Set, Name: "stores"}}}); err == nil {
		t.Error("no application leaves")
	}
}
