package built_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}

// TestAStubIsFoundInAllThatBuildIt: what does not build is named beside it.
func TestAStubIsFoundInAllThatBuildIt(t *testing.T) {
	files := testfleet.Two().With(testfleet.Files{
		"apps/app/db.yaml":       testfleet.Stub("db"),
		"placements/again.yaml":  testfleet.Placement("again", "apps/app", "other", "{clusterSet: stores}"),
		"placements/broken.yaml": testfleet.Placement("broken", "apps/broken", "app", "{clusterSet: stores}"),
		"apps/broken/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" +
			"resources: [not-there.yaml]\n",
	})
	tree := testfleet.Open(t, files)
	m, err := model.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	var placements []*api.Placement
	for _, name := range []string{"app", "again", "broken"} {
		placements = append(placements, m.Placements[name])
	}
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
	got, err := built.Find(t.Context(), builder, tree, placements, "apps/app/db.yaml", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	want := []built.Use{
		{Placement: "again", Namespace: "other", Name: "db"},
		{Placement: "app", Namespace: "app", Name: "db"},
	}
	if diff := cmp.Diff(want, got.Uses); diff != "" {
		t.Error(diff)
	}
	if len(got.Failed) != 1 || got.Failed["broken"] == nil {
		t.Errorf("failed: %v", got.Failed)
	}
}

func TestAScopeTellsApartWhatItBinds(t *testing.T) {
	uses := []built.Use{{Namespace: "a", Name: "x"}, {Namespace: "a", Name: "y"}, {Namespace: "b", Name: "x"}}
	for scope, want := range map[api.Scope]int{api.ScopeStrict: 3, api.ScopeNamespace: 2, api.ScopeFleet: 1} {
		if got := built.Distinct(uses, scope); len(got) != want {
			t.Errorf("scope %s tells apart %v, want %d", scope, got, want)
		}
	}
}
