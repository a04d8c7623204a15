package kustomize

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"filippo.io/age"
)

var recipient = func() string {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		panic(err)
	}
	return identity.Recipient().String()
}()

const kinds = "apiVersion: bulla.dev/v1alpha1\nkind: "

func clusterFile(name string, more string) string {
	return kinds + "Cluster\nmetadata: {name: " + name + ", labels: {tier: store}}\nspec:\n  identity: sha256:" +
		strings.Repeat("ab", 32) + "\n  recipient: " + recipient + "\n" + more
}

func placementFile(name, path, namespace string, targets string) string {
	return kinds + "Placement\nmetadata: {name: " + name + "}\nspec:\n  path: " + path + "\n  targets: [" + targets + "]\n  targetNamespace: " + namespace + "\n"
}

func setFile(name string) string {
	return kinds + "ClusterSet\nmetadata: {name: " + name + "}\nspec: {selector: {matchLabels: {tier: store}}}\n"
}

// fleet is a fleet of two clusters and two applications.
func fleet() files {
	return files{
		"fleet.yaml": kinds + "Fleet\nmetadata: {name: acme}\nspec:\n  id: " + strings.Repeat("0a", 16) +
			"\n  serial: 1\n  sealingKeys: [{id: k1, suite: MLKEM768-P256, publicKey: age1tagpq1xyz, status: Active}]\n  signature: |\n    text\n",
		"clusters/one.yaml":         clusterFile("one", ""),
		"clusters/eu/two.yaml":      clusterFile("two", ""),
		"clustersets/stores.yaml":   setFile("stores"),
		"placements/app.yaml":       placementFile("app", "apps/app", "app", "{clusterSet: stores}"),
		"placements/team/tool.yaml": placementFile("tool", "apps/tool", "tool", "{clusterName: one}"),
		"apps/app/a.yaml":           configMap("a"),
		"apps/tool/t.yaml":          configMap("t"),
	}
}

func model(t testing.TB, f files) (*Tree, *Model) {
	t.Helper()
	tr := tree(t, f)
	m, err := LoadModel(tr)
	if err != nil {
		t.Fatal(err)
	}
	return tr, m
}

func TestModelKnowsWhoIsWhere(t *testing.T) {
	_, m := model(t, fleet())
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
	f := fleet().with(files{"clusters/one.yaml": clusterFile("one", "  decommission: true\n")})
	_, m = model(t, f)
	if got := append(m.PlacedOn("one"), m.TargetsOf("tool")...); len(got) != 0 {
		t.Errorf("a cluster being decommissioned has %v", got)
	}
}

func problems(m *Model) []string {
	var all []string
	for _, p := range m.Problems {
		all = append(all, fmt.Sprintf("%s %s/%s", p.File, p.Kind, p.Name))
	}
	return all
}

func TestABadFileCountsForNothingAndBlocksNoOther(t *testing.T) {
	for _, test := range []struct {
		name   string
		change files
		want   []string
		placed []string // on one
		hold   bool
	}{
		{"a placement that does not parse", files{"placements/bad.yaml": "a: ["}, []string{"placements/bad.yaml Placement/bad"}, []string{"app", "tool"}, true},
		{"a placement with an unknown field", files{"placements/app.yaml": placementFile("app", "apps/app", "app", "{clusterSet: stores}") + "  sudo: true\n"}, []string{"placements/app.yaml Placement/app"}, []string{"tool"}, true},
		{"a placement with another's name", files{"placements/other.yaml": placementFile("app", "apps/app", "app", "{clusterName: one}")}, []string{"placements/other.yaml Placement/other"}, []string{"app", "tool"}, true},
		{"two placements of one name", files{"placements/sub/app.yaml": placementFile("app", "apps/app", "app", "{clusterName: one}")}, []string{"placements/app.yaml Placement/app", "placements/sub/app.yaml Placement/app"}, []string{"tool"}, true},
		{"a placement named .yml", files{"placements/more.yml": placementFile("more", "apps/app", "app", "{clusterName: one}")}, []string{"placements/more.yml Placement/more"}, []string{"app", "tool"}, true},
		{"a cluster among placements", files{"placements/three.yaml": clusterFile("three", "")}, []string{"placements/three.yaml Placement/three"}, []string{"app", "tool"}, true},
		{"another cluster's file", files{"clusters/three.yaml": "a: ["}, []string{"clusters/three.yaml Cluster/three"}, []string{"app", "tool"}, false},
		{"its own file", files{"clusters/one.yaml": "a: ["}, []string{"clusters/one.yaml Cluster/one"}, nil, true},
		{"a set", files{"clustersets/stores.yaml": "a: ["}, []string{"clustersets/stores.yaml ClusterSet/stores", "placements/app.yaml ClusterSet/stores"}, []string{"tool"}, true},
		{"a set with an empty selector", files{"clustersets/all.yaml": kinds + "ClusterSet\nmetadata: {name: all}\nspec: {selector: {}}\n"}, []string{"clustersets/all.yaml ClusterSet/all"}, []string{"app", "tool"}, true},
		{"a set that is gone", files{"placements/gone.yaml": placementFile("gone", "apps/app", "app", "{clusterSet: gone}")}, []string{"placements/gone.yaml ClusterSet/gone"}, []string{"app", "tool"}, true},
		{"a target cluster that is gone", files{"placements/gone.yaml": placementFile("gone", "apps/app", "app", "{clusterName: gone}")}, nil, []string{"app", "tool"}, false},
		{"a README", files{"placements/README.md": "hello"}, nil, []string{"app", "tool"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr, m := model(t, fleet().with(test.change))
			if diff := cmp.Diff(test.want, problems(m)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.placed, m.PlacedOn("one")); diff != "" {
				t.Error(diff)
			}
			r := NewBuilder(BuilderOptions{}).Resolve(t.Context(), tr, m, "one")
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
	for name, content := range map[string]string{"missing": "", "damaged": "a: [", "another kind": setFile("fleet")} {
		f := fleet().with(files{"fleet.yaml": content})
		if content == "" {
			delete(f, "fleet.yaml")
		}
		if m, err := LoadModel(tree(t, f)); err == nil {
			t.Errorf("%s: loaded %v", name, m)
		}
	}
}

func TestANewHeadParsesOnlyWhatChanged(t *testing.T) {
	_, r, _ := repo(t)
	f := fleet()
	m := mirror(t, r, t.TempDir(), Limits{})
	load := func(hash string) *Model {
		fetch(t, m)
		tr, err := m.Tree(hash)
		must(t, err)
		loaded, err := LoadModel(tr)
		must(t, err)
		return loaded
	}
	first := load(push(t, r, f))
	second := load(push(t, r, files{"clusters/one.yaml": clusterFile("one", "  suspend: true\n")}))
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
