package judging

import (
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	"github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/expression"
)

func judges(t *testing.T, now func() time.Time) *Judges {
	t.Helper()
	set, err := expression.Of(fleet.PlacementSpec{HealthCheckExprs: []fleet.HealthCheckExpr{
		{APIVersion: "example.com/v1", Kind: "Widget", Current: "spec.size == 1"}}})
	if err != nil {
		t.Fatal(err)
	}
	return &Judges{Set: set, Now: now}
}

// Whether an expression holds would tell of the value, whatever kind it is sealed in.
func TestNothingSealedIsJudged(t *testing.T) {
	j := judges(t, time.Now)
	id := apply.ID{Group: "example.com", Kind: "Widget", Name: "one"}
	if j.Of(apply.Object{ID: id}) == nil {
		t.Error("a plain object of a kind that Git judges is not judged")
	}
	sealed := apply.Object{ID: id, Built: kustomize.Object{Stub: &kustomize.Stub{}}}
	if j.Of(sealed) != nil {
		t.Error("an expression sees what is built of a stub")
	}
}

// Each expression is bounded, and a placement has many objects.
func TestTheExpressionsOfOnePassAreBoundedTogether(t *testing.T) {
	clock := time.Unix(0, 0)
	j := judges(t, func() time.Time { clock = clock.Add(maxJudging / 4); return clock })
	judge := j.Kind(apply.ID{Group: "example.com", Kind: "Widget"})
	object := map[string]any{"spec": map[string]any{"size": int64(1)}}
	for i := range 6 {
		if got, want := judge(t.Context(), object).Status == status.CurrentStatus, i < 4; got != want {
			t.Errorf("look %d: current is %v, want %v", i, got, want)
		}
	}
}
