package rollout

import (
	"runtime"
	"sync"
	"testing"
	"weak"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// headWith is a head whose placements have waves and no cluster.
func headWith(placements ...string) *heads.Head {
	m := &model.Model{Placements: map[string]*api.Placement{}}
	for _, name := range placements {
		m.Placements[name] = &api.Placement{Spec: api.PlacementSpec{Rollout: &api.PlacementRollout{}}}
	}
	return &heads.Head{Model: m}
}

// TestAnOldHeadGoes though a placement of it, that was removed since, is never asked for
// again: each is a whole tree.
func TestAnOldHeadGoes(t *testing.T) {
	s := &plans{}
	get := func(head *heads.Head, placement string) {
		t.Helper()
		if _, err := s.get(t.Context(), head, placement); err != nil {
			t.Fatal(err)
		}
	}
	gone := func() weak.Pointer[heads.Head] {
		old := headWith("removed", "shop")
		get(old, "removed")
		get(old, "shop")
		return weak.Make(old)
	}()
	get(headWith("shop"), "shop")
	runtime.GC()
	if gone.Value() != nil {
		t.Error("the head before is kept")
	}
	runtime.KeepAlive(s)
}

func TestThoseWhoAskAtOnceShareOnePlan(t *testing.T) {
	s, head := &plans{}, headWith("shop")
	found := make([]*plan, 64)
	var all sync.WaitGroup
	for i := range found {
		all.Go(func() { found[i], _ = s.get(t.Context(), head, "shop") })
	}
	all.Wait()
	for _, p := range found {
		if p == nil || p != found[0] {
			t.Fatal("more than one plan was made")
		}
	}
}

// TestAPlanThatLacksABuildKeepsWhatWasSeen: it is made anew each second, and nobody looks
// at thousands of clusters that often.
func TestAPlanThatLacksABuildKeepsWhatWasSeen(t *testing.T) {
	s, head := &plans{}, headWith("shop")
	again := func() *plan {
		t.Helper()
		p, err := s.get(t.Context(), head, "shop")
		if err != nil {
			t.Fatal(err)
		}
		p.whole, p.made = false, p.made.Add(-2*atLeast)
		return p
	}
	first, second := again(), again()
	if first == second || first.looked != second.looked {
		t.Error("what was seen of the same release is forgotten")
	}
	second.release = "another"
	if again().looked == second.looked {
		t.Error("what was seen of another release counts")
	}
}
