package kustomize

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

func placement(change ...func(*api.Placement)) *api.Placement {
	p := &api.Placement{
		Metadata: api.Metadata{Name: "app"},
		Spec: api.PlacementSpec{
			Path:            "apps/app",
			Targets:         []api.PlacementTarget{{ClusterName: "one"}},
			TargetNamespace: "app",
		},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

// ids lists what was built, and the stub of each sealed object.
func ids(b *Build) []string {
	var all []string
	for _, o := range b.Objects {
		id := o.ID().String()
		if o.Stub != nil {
			id += " from " + o.Stub.Path
		}
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func build(t testing.TB, f testfleet.Files, p *api.Placement) *Build {
	t.Helper()
	b, err := NewBuilder(BuilderOptions{}).Build(t.Context(), testfleet.Open(t, f), p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func buildError(t testing.TB, f testfleet.Files, p *api.Placement, words ...string) *BuildError {
	t.Helper()
	b, err := NewBuilder(BuilderOptions{}).Build(t.Context(), testfleet.Open(t, f), p)
	if err == nil {
		t.Fatalf("built %v, want an error", ids(b))
	}
	var refused *BuildError
	if !errors.As(err, &refused) {
		t.Fatalf("error is %T, want a BuildError: %v", err, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error does not say %q: %v", word, err)
		}
	}
	return refused
}

func TestBuildGivesObjectsTheirBuiltIdentity(t *testing.T) {
	for _, test := range []struct {
		name  string
		files testfleet.Files
		want  []string
	}{
		{
			name: "a folder without a kustomization takes every YAML file below it",
			files: testfleet.Files{"apps/app/b.yaml": testfleet.ConfigMap("b"), "apps/app/sub/a.yml": testfleet.ConfigMap("a"),
				"apps/app/README.md": "# not YAML: {"},
			want: []string{"app_a__ConfigMap", "app_b__ConfigMap"},
		},
		{
			name: "a folder with a kustomization below one without is taken as a base",
			files: testfleet.Files{
				"apps/app/a.yaml":                 testfleet.ConfigMap("a"),
				"apps/app/sub/kustomization.yaml": "namePrefix: sub-\nresources: [b.yaml]\n",
				"apps/app/sub/b.yaml":             testfleet.ConfigMap("b"),
				"apps/app/sub/unused.yaml":        testfleet.ConfigMap("unused"),
			},
			want: []string{"app_a__ConfigMap", "app_sub-b__ConfigMap"},
		},
		{
			name: "a base outside the folder, a component and a file beside it",
			files: testfleet.Files{
				"apps/app/kustomization.yaml":  "resources: [../base, ../shared.yaml]\ncomponents: [../component]\n",
				"apps/base/kustomization.yaml": "resources: [a.yaml]\n",
				"apps/base/a.yaml":             testfleet.ConfigMap("a"),
				"apps/shared.yaml":             testfleet.ConfigMap("shared"),
				"apps/component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" +
					"nameSuffix: -x\nresources: [c.yaml]\n",
				"apps/component/c.yaml": testfleet.ConfigMap("c"),
			},
			want: []string{"app_a-x__ConfigMap", "app_c-x__ConfigMap", "app_shared-x__ConfigMap"},
		},
		{
			name:  "a folder with nothing to build builds nothing",
			files: testfleet.Files{"apps/app/README.md": "nothing"},
		},
		{
			name: "a kustomization that removes everything builds nothing",
			files: testfleet.Files{
				"apps/app/kustomization.yaml": "resources: [a.yaml]\npatches:\n- patch: |\n    $patch: delete\n" +
					"    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a}\n",
				"apps/app/a.yaml": testfleet.ConfigMap("a"),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ids(build(t, test.files, placement()))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// load reads a tree and what it says of its fleet.
func load(t testing.TB, f testfleet.Files) (*tree.Tree, *model.Model) {
	t.Helper()
	opened := testfleet.Open(t, f)
	m, err := model.Load(opened)
	if err != nil {
		t.Fatal(err)
	}
	return opened, m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
