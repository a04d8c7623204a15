package kustomize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// variantFleet is an application with a stub in its own folder, another in the one that
// cluster "two" gets, and a set whose clusters get a patch.
func variantFleet() testfleet.Files {
	return testfleet.Two().With(testfleet.Files{
		"clusters/three.yaml":   cluster("three", "{tier: store, region: eu}", ""),
		"clusters/four.yaml":    cluster("four", "{tier: store, region: us}", ""),
		"clustersets/eu.yaml":   set("eu", "{region: eu}"),
		"apps/app/db.yaml":      testfleet.Stub("db"),
		"apps/two/a.yaml":       testfleet.ConfigMap("a"),
		"apps/two/special.yaml": testfleet.Stub("special"),
		"placements/app.yaml": testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}") +
			`  variants:
  - {name: two, clusterName: two, path: apps/two}
  - name: eu
    clusterSet: eu
    patches:
    - patch: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: euro}}"
`,
	})
}

func cluster(name, labels, more string) string {
	return strings.Replace(testfleet.Cluster(name, more), "{tier: store}", labels, 1)
}

func set(name, labels string) string {
	return strings.Replace(testfleet.Set(name), "{tier: store}", labels, 1)
}

// value is what the ConfigMap "a" holds of a key.
func value(t *testing.T, b *Build, key string) any {
	t.Helper()
	for _, o := range b.Objects {
		if o.GetKind() == "ConfigMap" && strings.HasSuffix(o.GetName(), "a") {
			return o.Object["data"].(map[string]any)[key]
		}
	}
	t.Fatal("there is no ConfigMap a")
	return nil
}

func TestAClusterGetsTheFirstVariantThatSelectsIt(t *testing.T) {
	for name, want := range map[string]struct {
		value   string
		objects []string
	}{
		"one":   {"value", []string{"app_a__ConfigMap", "app_db__Secret from apps/app/db.yaml"}},
		"two":   {"value", []string{"app_a__ConfigMap", "app_special__Secret from apps/two/special.yaml"}},
		"three": {"euro", []string{"app_a__ConfigMap", "app_db__Secret from apps/app/db.yaml"}},
		"four":  {"value", []string{"app_a__ConfigMap", "app_db__Secret from apps/app/db.yaml"}},
	} {
		placed := resolve(t, variantFleet(), name).Placed["app"]
		if placed.Err != nil {
			t.Fatal(placed.Err)
		}
		if diff := cmp.Diff(want.objects, ids(placed.Build)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := value(t, placed.Build, "key"); got != want.value {
			t.Errorf("%s has %v, want %s", name, got, want.value)
		}
	}
	// Both fit: the first one counts.
	f := variantFleet().With(testfleet.Files{"clusters/eu/two.yaml": cluster("two", "{tier: store, region: eu}", "")})
	if got := resolve(t, f, "two").Placed["app"].Placement.Variant; got != "two" {
		t.Errorf("cluster two gets variant %q", got)
	}
}

func TestThreeThousandClustersOfThreeVariantsCostThreeBuilds(t *testing.T) {
	f := variantFleet()
	delete(f, "placements/team/tool.yaml")
	f["placements/app.yaml"] += "  substitute: {}\n"
	f["apps/app/a.yaml"] += "  shop: \"shop ${SHOP}\"\n"
	tr, m := load(t, f)
	for _, c := range m.Clusters {
		c.Spec.Values = map[string]string{"SHOP": "none"}
	}
	for i := range 3000 {
		shop := m.Clusters[[]string{"three", "four"}[i%2]].DeepCopy()
		shop.Metadata.Name = fmt.Sprintf("shop-%d", i)
		shop.Spec.Values["SHOP"] = fmt.Sprint(i)
		m.Clusters[shop.Metadata.Name] = shop
	}
	b := NewBuilder(BuilderOptions{})
	digests := map[string]bool{}
	for name := range m.Clusters {
		placed := b.Resolve(t.Context(), tr, m, name).Placed["app"]
		if placed.Err != nil {
			t.Fatal(placed.Err)
		}
		digests[placed.Build.Digest] = true
	}
	if got := b.Processes(); got != 3 {
		t.Errorf("%d build processes, want one for each variant", got)
	}
	// Each shop's own, and one for those without a number in each of three variants.
	if len(digests) != 3003 {
		t.Errorf("%d digests", len(digests))
	}
	if got := len(m.Groups()); got != 3 {
		t.Errorf("%d groups of clusters, want 3", got)
	}
}

func TestWhoseVariantNobodyKnowsIsHeld(t *testing.T) {
	for name, change := range map[string]string{"gone": "", "unreadable": "kind: [\n"} {
		f := variantFleet()
		if delete(f, "clustersets/eu.yaml"); change != "" {
			f["clustersets/eu.yaml"] = change
		}
		r := resolve(t, f, "three")
		if err := r.Placed["app"].Err; err == nil || !strings.Contains(err.Error(), `variant "eu"`) {
			t.Errorf("%s: %v", name, err)
		}
		if !r.HoldAllDeletes || r.HeldNamespaces["app"] != "app" {
			t.Errorf("%s: something may be deleted: %+v", name, r)
		}
		// An earlier variant decided.
		if err := resolve(t, f, "two").Placed["app"].Err; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatAPlacementMayNotBuildNoVariantBuilds(t *testing.T) {
	for name, file := range map[string]string{
		"another namespace":     strings.Replace(testfleet.ConfigMap("b"), "name: b", "name: b\n  namespace: kube-system", 1),
		"a cluster-scoped kind": "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n",
		"a Secret in the clear": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n",
	} {
		r := resolve(t, variantFleet().With(testfleet.Files{"apps/two/b.yaml": file}), "two")
		err := r.Placed["app"].Err
		if err == nil || !strings.Contains(err.Error(), `build placement "app", variant "two": apps/two/b.yaml`) {
			t.Errorf("%s: %v", name, err)
		}
		if r := resolve(t, variantFleet().With(testfleet.Files{"apps/two/b.yaml": file}), "one"); r.Placed["app"].Err != nil {
			t.Errorf("%s holds up who does not get it: %v", name, r.Placed["app"].Err)
		}
	}
	f := variantFleet().With(testfleet.Files{
		"placements/rival.yaml": testfleet.Placement("rival", "apps/rival", "app", "{clusterSet: stores}"),
		"apps/rival/b.yaml":     testfleet.Stub("special"),
	})
	if r := resolve(t, f, "two"); len(r.Conflicts) != 1 {
		t.Errorf("conflicts on two: %v", r.Conflicts)
	}
	if r := resolve(t, f, "one"); len(r.Conflicts) != 0 {
		t.Errorf("conflicts on one: %v", r.Conflicts)
	}
}

func TestVariantsHaveTheirStubsInTheOneWalk(t *testing.T) {
	tr, m := load(t, variantFleet())
	b := NewBuilder(BuilderOptions{})
	got := map[string][]string{}
	for _, p := range m.Placements["app"].InVariants() {
		build, err := b.Build(t.Context(), tr, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range build.Objects {
			if o.Stub != nil {
				got[o.Stub.Path] = append(got[o.Stub.Path], m.Got("app", p.Variant)...)
			}
		}
	}
	want := map[string][]string{"apps/app/db.yaml": {"four", "one", "three"}, "apps/two/special.yaml": {"two"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAVariantKeepsWhatItDoesNotChange(t *testing.T) {
	own := &api.Placement{Metadata: api.Metadata{Name: "app"}, Spec: api.PlacementSpec{
		Path: "apps/app", TargetNamespace: "app",
		Overlay: api.Overlay{
			Patches: []api.Patch{{Patch: "own"}}, Substitute: map[string]string{"A": "own", "B": "own"},
		},
	}}
	got := own.As(&api.PlacementVariant{
		Name: "v", Patches: []api.Patch{{Patch: "variant"}}, Substitute: map[string]string{"A": "variant"},
	})
	want := api.Overlay{
		Patches: []api.Patch{{Patch: "own"}, {Patch: "variant"}}, Substitute: map[string]string{"A": "variant", "B": "own"},
	}
	if diff := cmp.Diff(want, got.Spec.Overlay); diff != "" || got.Spec.Path != "apps/app" || got.Variant != "v" {
		t.Errorf("%s %+v", diff, got)
	}
	if len(own.Spec.Patches) != 1 || own.Spec.Substitute["A"] != "own" {
		t.Error("the placement itself changed")
	}
}
