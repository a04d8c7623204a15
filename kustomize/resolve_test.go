package kustomize

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/google/go-cmp/cmp"
)

func resolve(t testing.TB, f testfleet.Files, cluster string) *Resolution {
	t.Helper()
	tr, m := load(t, f)
	return NewBuilder(BuilderOptions{SlowAfter: unhurried}).Resolve(t.Context(), tr, m, cluster)
}

func TestEveryObjectHasOneOwner(t *testing.T) {
	r := resolve(t, testfleet.Two(), "one")
	want := map[ObjectID]string{
		{Kind: "ConfigMap", Namespace: "app", Name: "a"}:  "app",
		{Kind: "ConfigMap", Namespace: "tool", Name: "t"}: "tool",
	}
	if diff := cmp.Diff(want, r.Owners); diff != "" {
		t.Error(diff)
	}
	if r.HoldAllDeletes || len(r.HeldNamespaces) != 0 || len(r.Conflicts) != 0 {
		t.Errorf("something is held: %+v", r)
	}
}

func TestAnObjectOfTwoPlacementsBelongsToNeither(t *testing.T) {
	id := ObjectID{Kind: "ConfigMap", Namespace: "app", Name: "a"}
	for _, rival := range []string{"aaa", "zzz"} {
		f := testfleet.Two().With(testfleet.Files{"placements/" + rival +
			".yaml": testfleet.Placement(rival, "apps/app", "app", "{clusterName: one}")})
		f["apps/app/more.yaml"] = testfleet.ConfigMap("more")
		f["apps/app/a.yaml"] = testfleet.ConfigMap("a")
		r := resolve(t, f, "one")
		claimants := []string{"app", rival}
		slices.Sort(claimants)
		if diff := cmp.Diff(claimants, r.Conflicts[id]); diff != "" {
			t.Error(diff)
		}
		if owner, ok := r.Owner(id); ok {
			t.Errorf("%s belongs to %q", id, owner)
		}
		for name, other := range map[string]string{"app": rival, rival: "app"} {
			if got := r.Placed[name].Conflicts; len(got) != 2 || got[0].ID != id || !slices.Equal(got[0].With, []string{other}) {
				t.Errorf("conflicts of %s: %+v", name, got)
			}
		}
		if ok, reason := r.MayDelete(id); ok {
			t.Errorf("a contested object may be deleted (%s)", reason)
		}
		if owner, _ := r.Owner(ObjectID{Kind: "ConfigMap", Namespace: "tool", Name: "t"}); owner != "tool" {
			t.Error("a conflict blocks a third placement")
		}
		// The rival is not on the other cluster.
		if r := resolve(t, f, "two"); len(r.Conflicts) != 0 {
			t.Errorf("conflicts on the other cluster: %v", r.Conflicts)
		}
	}
}

func TestWhatMayBeDeleted(t *testing.T) {
	gone := func(namespace string) ObjectID {
		return ObjectID{Kind: "ConfigMap", Namespace: namespace, Name: "gone"}
	}
	role := ObjectID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "gone"}
	broken := testfleet.Files{"apps/app/a.yaml": "a: ["}
	brokenCluster := broken.With(testfleet.Files{"placements/app.yaml": testfleet.Placement("app", "apps/app", "app",
		"{clusterSet: stores}") + "  allow: {clusterResources: [ClusterRole.rbac.authorization.k8s.io]}\n"})
	for _, test := range []struct {
		name    string
		change  testfleet.Files
		cluster string
		id      ObjectID
		want    bool
	}{
		{"what nobody has", nil, "one", gone("app"), true},
		{"what a placement has", nil, "one", ObjectID{Kind: "ConfigMap", Namespace: "app", Name: "a"}, false},
		{"in the namespace of a placement that fails", broken, "one", gone("app"), false},
		{"that namespace itself", broken, "one", ObjectID{Kind: "Namespace", Name: "app"}, false},
		{"in another namespace", broken, "one", gone("tool"), true},
		{"cluster-scoped, beside a placement that fails", broken, "one", role, true},
		{"cluster-scoped, beside one that may have such kinds", brokenCluster, "one", role, false},
		{"with a placement file that does not parse", testfleet.Files{"placements/x.yaml": "a: ["}, "one", gone("other"),
			false},
		{"on a cluster that is not in the fleet", nil, "three", gone("app"), false},
		{"on a cluster being decommissioned",
			testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", "  decommission: true\n")}, "one", gone("app"), true},
		{"on a cluster being decommissioned, with a placement file that does not parse",
			testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", "  decommission: true\n"),
				"placements/x.yaml": "a: ["}, "one", gone("app"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := resolve(t, testfleet.Two().With(test.change), test.cluster)
			if ok, reason := r.MayDelete(test.id); ok != test.want || ok != (reason == "") {
				t.Errorf("may delete: %v (%s), want %v", ok, reason, test.want)
			}
		})
	}
}

func TestAFailingPlacementBlocksNoOther(t *testing.T) {
	for name, change := range map[string]testfleet.Files{
		"a file that does not parse": {"apps/app/a.yaml": "a: ["},
		"an object out of bounds":    {"apps/app/a.yaml": testfleet.ConfigMap("a, namespace: tool")},
		"a plaintext Secret": {"apps/app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n" +
			"stringData: {a: b}\n"},
		"a missing folder": {"placements/app.yaml": testfleet.Placement("app", "apps/missing", "app",
			"{clusterSet: stores}")},
	} {
		t.Run(name, func(t *testing.T) {
			r := resolve(t, testfleet.Two().With(change), "one")
			if r.Placed["app"].Err == nil || r.Placed["app"].Build != nil {
				t.Errorf("app: %+v", r.Placed["app"])
			}
			if diff := cmp.Diff(map[string]string{"app": "app"}, r.HeldNamespaces); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"app"}, r.Failing()); diff != "" {
				t.Error(diff)
			}
			if owner, _ := r.Owner(ObjectID{Kind: "ConfigMap", Namespace: "tool", Name: "t"}); owner != "tool" {
				t.Error("the other placement is blocked")
			}
		})
	}
}

func TestAPlacementOfNothingIsSeenAsSuch(t *testing.T) {
	f := testfleet.Two().With(testfleet.Files{"apps/app/README.md": "moved"})
	delete(f, "apps/app/a.yaml")
	r := resolve(t, f, "one")
	if placed := r.Placed["app"]; placed.Err != nil || placed.Build == nil || len(placed.Build.Objects) != 0 {
		t.Errorf("app: %+v", placed)
	}
	if len(r.HeldNamespaces) != 0 {
		t.Errorf("held: %v", r.HeldNamespaces)
	}
}

func TestACancelledResolveSaysSoEverywhere(t *testing.T) {
	tr, m := load(t, testfleet.Two())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := NewBuilder(BuilderOptions{SlowAfter: unhurried}).Resolve(ctx, tr, m, "one")
	for name, placed := range r.Placed {
		if placed.Err == nil {
			t.Errorf("%s was built", name)
		}
	}
	if len(r.HeldNamespaces) != 2 {
		t.Errorf("held: %v", r.HeldNamespaces)
	}
}

// One line for each way in which a repository can become empty: none of them
// reads as "delete everything".
func TestAnEmptiedRepositoryDeletesNothing(t *testing.T) {
	id := ObjectID{Kind: "ConfigMap", Namespace: "app", Name: "a"}
	all := testfleet.Two()
	only := func(prefix ...string) testfleet.Files {
		f := testfleet.Files{}
		for name, content := range all {
			if slices.ContainsFunc(prefix, func(p string) bool { return len(name) >= len(p) && name[:len(p)] == p }) {
				f[name] = content
			}
		}
		return f
	}
	for _, test := range []struct {
		name  string
		files testfleet.Files
		model bool // the model loads
		may   bool // the object may be deleted
	}{
		{"everything is removed", testfleet.Files{"README.md": "x"}, false, false},
		{"only fleet.yaml is left", only("fleet.yaml"), true, false},
		{"the applications are removed", only("fleet.yaml", "clusters/", "clustersets/", "placements/"), true, false},
		{"the clusters are removed", only("fleet.yaml", "clustersets/", "placements/", "apps/"), true, false},
		{"the sets are removed", only("fleet.yaml", "clusters/", "placements/", "apps/"), true, false},
		{"the placements are removed: that is consent", only("fleet.yaml", "clusters/", "clustersets/", "apps/"), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := testfleet.Open(t, test.files)
			m, err := model.Load(tr)
			if (err == nil) != test.model {
				t.Fatalf("model: %v", err)
			}
			if err != nil {
				return
			}
			r := NewBuilder(BuilderOptions{SlowAfter: unhurried}).Resolve(t.Context(), tr, m, "one")
			if ok, reason := r.MayDelete(id); ok != test.may {
				t.Errorf("may delete: %v (%s), want %v", ok, reason, test.may)
			}
		})
	}
}

func TestANewHeadStartsProcessesForItsChangeOnly(t *testing.T) {
	f := testfleet.Two()
	delete(f, "placements/team/tool.yaml")
	for i := range 8 {
		name := fmt.Sprint("app", i)
		f["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
		f["apps/"+name+"/a.yaml"] = testfleet.ConfigMap("a")
	}
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried})
	resolve := func(changed testfleet.Files) *Resolution {
		f = f.With(changed)
		tr, m := load(t, f)
		return b.Resolve(t.Context(), tr, m, "one")
	}
	first := resolve(nil)
	if got := b.Processes(); got != 9 || len(first.Owners) != 9 {
		t.Fatalf("%d processes and %d objects, want 9 of each: %v", got, len(first.Owners), first.Failing())
	}
	second := resolve(testfleet.Files{"README.md": "new"})
	if got := b.Processes(); got != 9 {
		t.Errorf("%d processes after a commit that touches no placement", got-9)
	}
	third := resolve(testfleet.Files{"apps/app3/a.yaml": testfleet.ConfigMap("b")})
	if got := b.Processes(); got != 10 {
		t.Errorf("%d processes after a change of one application, want 1", got-9)
	}
	for name := range first.Placed {
		same := first.Placed[name].Build.Digest == second.Placed[name].Build.Digest
		changed := second.Placed[name].Build.Digest != third.Placed[name].Build.Digest
		if !same || changed != (name == "app3") {
			t.Errorf("%s: same %v, changed %v", name, same, changed)
		}
	}
}
