package model_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/google/go-cmp/cmp"
)

func load(t testing.TB, f testfleet.Files) (*tree.Tree, *model.Model) {
	t.Helper()
	tr := testfleet.Open(t, f)
	m, err := model.Load(tr)
	if err != nil {
		t.Fatal(err)
	}
	return tr, m
}

func TestModelKnowsWhoIsWhere(t *testing.T) {
	_, m := load(t, testfleet.Two())
	for _, test := range []struct {
		name      string
		got, want []string
	}{
		{"problems", problems(m), nil},
		{"members", m.Members("stores"), []string{"one", "two"}},
		{"members of nothing", m.Members("gone"), nil},
		{"sets", m.SetsOf("two"), []string{"stores"}},
		{"placed on one", m.PlacedOn("one"), []string{"app", "tool"}},
		{"placed on two", m.PlacedOn("two"), []string{"app"}},
		{"placed on a stranger", m.PlacedOn("three"), nil},
		{"targets of app", m.TargetsOf("app"), []string{"one", "two"}},
		{"targets of tool", m.TargetsOf("tool"), []string{"one"}},
		{"targets of nothing", m.TargetsOf("gone"), nil},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	f := testfleet.Two().With(testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", "  decommission: true\n")})
	_, m = load(t, f)
	if got := append(m.PlacedOn("one"), m.TargetsOf("tool")...); len(got) != 0 {
		t.Errorf("a cluster being decommissioned has %v", got)
	}
}

func problems(m *model.Model) []string {
	var all []string
	for _, p := range m.Problems {
		all = append(all, fmt.Sprintf("%s %s/%s", p.File, p.Kind, p.Name))
	}
	return all
}

func TestABadFileCountsForNothingAndBlocksNoOther(t *testing.T) {
	for _, test := range []struct {
		name   string
		change testfleet.Files
		want   []string
		placed []string // on one
		hold   bool
	}{
		{"a placement that does not parse", testfleet.Files{"placements/bad.yaml": "a: ["},
			[]string{"placements/bad.yaml Placement/bad"}, []string{"app", "tool"}, true},
		{"a placement with an unknown field",
			testfleet.Files{"placements/app.yaml": testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}") +
				"  sudo: true\n"}, []string{"placements/app.yaml Placement/app"}, []string{"tool"}, true},
		{"a placement with another's name",
			testfleet.Files{"placements/other.yaml": testfleet.Placement("app", "apps/app", "app", "{clusterName: one}")},
			[]string{"placements/other.yaml Placement/other"}, []string{"app", "tool"}, true},
		{"two placements of one name",
			testfleet.Files{"placements/sub/app.yaml": testfleet.Placement("app", "apps/app", "app", "{clusterName: one}")},
			[]string{"placements/app.yaml Placement/app", "placements/sub/app.yaml Placement/app"}, []string{"tool"}, true},
		{"a placement named .yml",
			testfleet.Files{"placements/more.yml": testfleet.Placement("more", "apps/app", "app", "{clusterName: one}")},
			[]string{"placements/more.yml Placement/more"}, []string{"app", "tool"}, true},
		{"a cluster among placements", testfleet.Files{"placements/three.yaml": testfleet.Cluster("three", "")},
			[]string{"placements/three.yaml Placement/three"}, []string{"app", "tool"}, true},
		{"another cluster's file", testfleet.Files{"clusters/three.yaml": "a: ["},
			[]string{"clusters/three.yaml Cluster/three"}, []string{"app", "tool"}, false},
		{"its own file", testfleet.Files{"clusters/one.yaml": "a: ["}, []string{"clusters/one.yaml Cluster/one"}, nil, true},
		{"a set", testfleet.Files{"clustersets/stores.yaml": "a: ["}, []string{"clustersets/stores.yaml ClusterSet/stores"},
			[]string{"tool"}, true},
		{"a set with an empty selector",
			testfleet.Files{"clustersets/all.yaml": "apiVersion: bulla.dev/v1alpha1\nkind: ClusterSet\nmetadata: {name: all}\n" +
				"spec: {selector: {}}\n"}, []string{"clustersets/all.yaml ClusterSet/all"}, []string{"app", "tool"}, true},
		{"a set that is gone",
			testfleet.Files{"placements/gone.yaml": testfleet.Placement("gone", "apps/app", "app", "{clusterSet: gone}")},
			[]string{"placements/gone.yaml ClusterSet/gone"}, []string{"app", "tool"}, true},
		{"a target cluster that is gone",
			testfleet.Files{"placements/gone.yaml": testfleet.Placement("gone", "apps/app", "app", "{clusterName: gone}")}, nil,
			[]string{"app", "tool"}, false},
		{"a README", testfleet.Files{"placements/README.md": "hello"}, nil, []string{"app", "tool"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr, m := load(t, testfleet.Two().With(test.change))
			if diff := cmp.Diff(test.want, problems(m)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.placed, m.PlacedOn("one")); diff != "" {
				t.Error(diff)
			}
			r := kustomize.NewBuilder(kustomize.BuilderOptions{}).Resolve(t.Context(), tr, m, "one")
			if r.HoldAllDeletes != test.hold || test.hold != (r.HoldReason != "") {
				t.Errorf("hold all deletes is %v (%s), want %v", r.HoldAllDeletes, r.HoldReason, test.hold)
			}
			for _, name := range test.placed {
				if r.Placed[name] == nil || r.Placed[name].Err != nil {
					t.Errorf("placement %s is blocked: %+v", name, r.Placed[name])
				}
			}
		})
	}
}

func TestAFleetWithoutItsRootIsAnError(t *testing.T) {
	for name, content := range map[string]string{"missing": "", "damaged": "a: [",
		"another kind": testfleet.Set("fleet")} {
		f := testfleet.Two().With(testfleet.Files{"fleet.yaml": content})
		if content == "" {
			delete(f, "fleet.yaml")
		}
		if m, err := model.Load(testfleet.Open(t, f)); err == nil {
			t.Errorf("%s: loaded %v", name, m)
		}
	}
}

func TestANewHeadParsesOnlyWhatChanged(t *testing.T) {
	f := testfleet.Two()
	loader := new(model.Loader)
	read := func(changed testfleet.Files) *model.Model {
		t.Helper()
		f = f.With(changed)
		loaded, err := loader.Load(testfleet.Open(t, f))
		if err != nil {
			t.Fatal(err)
		}
		return loaded
	}
	first := read(nil)
	second := read(testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", "  suspend: true\n")})
	if first.Clusters["two"] != second.Clusters["two"] || first.Placements["app"] != second.Placements["app"] {
		t.Error("an unchanged file was parsed again")
	}
	if !second.Clusters["one"].Spec.Suspend || first.Clusters["one"].Spec.Suspend {
		t.Error("a changed file was not parsed again")
	}
	if got := slices.Sorted(slices.Values(second.PlacedOn("one"))); len(got) != 2 {
		t.Errorf("placed on one: %v", got)
	}
}

// TestAFlawInAFolderThatGrantsIsAProblem: it holds deletes, is told, and takes
// nothing from the files beside it.
func TestAFlawInAFolderThatGrantsIsAProblem(t *testing.T) {
	for _, folder := range []string{"placements", "placements/team", "clustersets", "clusters"} {
		t.Run(folder, func(t *testing.T) {
			m, err := model.Load(testfleet.Open(t, testfleet.Two().With(testfleet.Files{
				folder + "/pay\u202e.yaml": "x", folder + "/web.yaml": "x",
			})))
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, p := range m.Problems {
				told = append(told, p.File)
			}
			if len(told) != 2 || !slices.Contains(told, folder+`/pay\u202e.yaml`) {
				t.Errorf("told of %q, want the name and the file beside it that does not parse", told)
			}
		})
	}
}

func TestClustersWithTheSamePlacementsAreOneGroup(t *testing.T) {
	f := testfleet.Two().With(testfleet.Files{
		"clusters/six.yaml":  testfleet.Cluster("six", ""),
		"clusters/gone.yaml": testfleet.Cluster("gone", "  decommission: true\n"),
	})
	m, err := model.Load(testfleet.Open(t, f))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, g := range m.Groups() {
		got = append(got, g.Clusters)
		for _, member := range g.Clusters {
			if m.GroupOf(member) != g.Key {
				t.Errorf("%s is in another group", member)
			}
		}
	}
	if diff := cmp.Diff([][]string{{"one"}, {"six", "two"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
