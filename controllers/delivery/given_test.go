package delivery

import (
	"fmt"
	"testing"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
)

// TestWhatGitGives: an object that was another placement's, or nobody's, is a gift. What a
// placement has again once its build is there, as with each revision that builds for long, is
// none.
func TestWhatGitGives(t *testing.T) {
	id := ObjectID{Kind: "ConfigMap", Namespace: "ns", Name: "a"}
	at := func(owner, failing string) *view.Snapshot {
		r := &kustomize.Resolution{Owners: map[ObjectID]string{}, HeldNamespaces: map[string]string{}}
		if owner != "" {
			r.Owners[id] = owner
		}
		if failing != "" {
			r.HeldNamespaces["ns"] = failing
		}
		return &view.Snapshot{Resolution: r}
	}
	for name, c := range map[string]struct {
		history []*view.Snapshot
		given   bool
	}{
		"it stays":        {[]*view.Snapshot{at("shop", ""), at("shop", "")}, false},
		"from another":    {[]*view.Snapshot{at("other", ""), at("shop", "")}, true},
		"from nobody":     {[]*view.Snapshot{at("", ""), at("shop", "")}, true},
		"it builds again": {[]*view.Snapshot{at("shop", ""), at("", "shop"), at("shop", "")}, false},
		"from another, and it builds again": {
			[]*view.Snapshot{at("other", ""), at("shop", ""), at("", "shop"), at("shop", "")}, true},
		"and it was taken": {[]*view.Snapshot{at("other", ""), at("shop", ""), at("", "")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &memories{}
			m := s.of(&v1alpha1.Delivery{})
			s.by = map[string]*memory{"shop": m}
			for i := range c.history[1:] {
				s.give(c.history[i], c.history[i+1])
			}
			if m.sight.Given(id, false) != c.given {
				t.Errorf("it is given: %v", !c.given)
			}
		})
	}
}

// TestWhatIsGoneIsForgotten: names that Git has once, as those of generated ConfigMaps and of
// Jobs are, leave nothing behind in memory.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	s, sizes := &stand{sight: drift.NewSight(), vigil: &vigil{}, fights: &drift.Fights{}}, map[string]bool{}
	for i := range 3 {
		id := ObjectID{Group: "batch", Kind: "Job", Namespace: "ns", Name: fmt.Sprint("migrate-", i)}
		s.inv = map[ObjectID]v1alpha1.InventoryEntry{}
		s.sight.Give(id)
		s.sent(id, v1alpha1.InventoryEntry{UID: "u", Applied: "sha256:1", ResourceVersion: "1"}, "sha256:1")
		s.vigil.rollsOut(id)
		s.drop(id)
		sizes[fmt.Sprintf("%+v %+v %+v", s.sight, s.vigil, s.fights)] = true
	}
	if len(sizes) != 1 {
		t.Errorf("something is remembered of each: %v", sizes)
	}
}
