package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestEveryGrantingPathIsTold: whatever lets a cluster open what it could not, or takes
// that away, is in the plan with the file through which it comes about.
func TestEveryGrantingPathIsTold(t *testing.T) {
	w := newWorld(t)
	spec := w.root.Spec(2)
	spec.SealingKeys[0].Status = "Retired"
	other, err := softkey.Derive(api.SuiteHybrid, "other")
	if err != nil {
		t.Fatal(err)
	}
	spec.SealingKeys = append(slices.Clone(spec.SealingKeys), other.Record("2026-12-a"))
	consent := w.root.Spec(2)
	consent.Prune = &api.FleetPrune{Consent: []api.PruneConsent{{Revision: strings.Repeat("4b", 20), Reason: "closed"}}}
	shop := w.files["placements/shop.yaml"]
	const lost, gone = "set/stores: lost shop Secret shop/db by ", "  removed "
	for name, test := range map[string]struct {
		change testfleet.Files
		want   []string
	}{
		"nothing": {testfleet.Files{"README": "x"}, nil},
		"a key is retired": {testfleet.Files{"fleet.yaml": w.root.File(t, &spec)}, []string{
			"fleet spec.sealingKeys", "fleet spec.sealingKeys", lost + "fleet fleet.yaml",
			"set/stores: shut shop Secret shop/db: a block's lock is for a sealing key that the fleet opens nothing with",
		}},
		"consent to a removal": {testfleet.Files{"fleet.yaml": w.root.File(t, &consent)}, []string{
			"fleet spec.prune.consent",
		}},
		"a cluster is new": {testfleet.Files{"clusters/three.yaml": testfleet.Cluster("three", "")}, []string{
			"  added ConfigMap shop/config", "  added Secret shop/db",
			"cluster/three: gained shop Secret shop/db by cluster clusters/three.yaml", "cluster/three: shop is added",
			"file cluster/three: the cluster is new",
		}},
		"a cluster left": {testfleet.Files{"clusters/two.yaml": ""}, []string{
			"cluster/two: lost shop Secret shop/db by cluster clusters/two.yaml",
			"file cluster/two: the cluster left the fleet",
		}},
		"a cluster is suspended": {testfleet.Files{
			"clusters/two.yaml": testfleet.Cluster("two", "  suspend: true\n"),
		}, []string{
			"cluster/two: lost shop Secret shop/db by cluster clusters/two.yaml",
			"file cluster/two: it is suspended",
		}},
		"a cluster goes": {testfleet.Files{"clusters/two.yaml": testfleet.Cluster("two", "  decommission: true\n")}, []string{
			gone + "ConfigMap shop/config", gone + "Secret shop/db",
			"cluster/two: lost shop Secret shop/db by cluster clusters/two.yaml", "cluster/two: shop is removed",
			"file cluster/two: it is decommissioned",
		}},
		"another's keys": {
			testfleet.Files{"clusters/two.yaml": rekeyed(w.files["clusters/two.yaml"])},
			[]string{
				"cluster/two: gained shop Secret shop/db by cluster clusters/two.yaml",
				"file cluster/two: its keys changed",
			},
		},
		"another's keys, and another value": {
			testfleet.Files{
				"clusters/two.yaml":   rekeyed(w.files["clusters/two.yaml"]),
				"apps/shop/db.yaml":   "",
				"apps/shop/more.yaml": w.seal("more", "set/stores"),
			},
			[]string{
				"  added Secret shop/more", gone + "Secret shop/db",
				"cluster/one: gained shop Secret shop/more by build apps/shop/more.yaml",
				"cluster/one: lost shop Secret shop/db by build apps/shop/db.yaml",
				"cluster/two: gained shop Secret shop/more by cluster clusters/two.yaml, build apps/shop/more.yaml",
				"cluster/two: lost shop Secret shop/db by cluster clusters/two.yaml, build apps/shop/db.yaml",
				"file cluster/two: its keys changed",
				"set/stores: shop is changed",
			},
		},
		"a label": {testfleet.Files{"clusters/lab.yaml": testfleet.Cluster("lab", "")}, []string{
			"  added ConfigMap shop/config", "  added Secret shop/db",
			"cluster/lab: gained shop Secret shop/db by cluster clusters/lab.yaml", "cluster/lab: shop is added",
			"file cluster/lab: its labels changed",
		}},
		"a set": {
			testfleet.Files{
				"clustersets/stores.yaml": strings.Replace(testfleet.Set("stores"), "tier: store", "env: lab", 1),
			},
			[]string{
				"  added ConfigMap shop/config", "  added Secret shop/db", gone + "ConfigMap shop/config", gone + "Secret shop/db",
				"cluster/lab: gained shop Secret shop/db by set clustersets/stores.yaml", "cluster/lab: shop is added",
				lost + "set clustersets/stores.yaml", "set/stores: shop is removed",
			},
		},
		"a target": {
			testfleet.Files{"placements/shop.yaml": strings.Replace(shop, "clusterSet: stores", "clusterName: one", 1)},
			[]string{
				gone + "ConfigMap shop/config", gone + "Secret shop/db",
				"cluster/two: lost shop Secret shop/db by placement placements/shop.yaml", "cluster/two: shop is removed",
			},
		},
		"a placement goes": {testfleet.Files{"placements/shop.yaml": ""}, []string{
			gone + "ConfigMap shop/config", gone + "Secret shop/db", lost + "placement placements/shop.yaml",
			"set/stores: shop is removed",
		}},
		"another folder": {testfleet.Files{"placements/shop.yaml": strings.Replace(shop, "apps/shop", "apps/other", 1),
			"apps/other/config.yaml": testfleet.ConfigMap("config")}, []string{
			gone + "Secret shop/db", lost + "placement placements/shop.yaml", "set/stores: shop is changed path",
		}},
		"a variant": {testfleet.Files{
			"placements/shop.yaml":   shop + "  variants: [{name: v, clusterName: one, path: apps/other}]\n",
			"apps/other/config.yaml": testfleet.ConfigMap("config")}, []string{
			gone + "Secret shop/db", "cluster/one: lost shop Secret shop/db by variant placements/shop.yaml",
			"cluster/one: shop is changed",
		}},
		"what is built": {testfleet.Files{
			"apps/shop/db.yaml": "", "apps/shop/more.yaml": w.seal("more", "set/stores"),
		}, []string{
			"  added Secret shop/more", gone + "Secret shop/db",
			"set/stores: gained shop Secret shop/more by build apps/shop/more.yaml", lost + "build apps/shop/db.yaml",
			"set/stores: shop is changed",
		}},
		"another value": {testfleet.Files{"apps/shop/db.yaml": w.seal("db", "set/stores")}, []string{
			"  changed Secret shop/db", "set/stores: changed shop Secret shop/db by build apps/shop/db.yaml",
			"set/stores: shop is changed",
		}},
		"no lock any more": {testfleet.Files{"apps/shop/db.yaml": w.seal("db", "set/others")}, []string{
			"  changed Secret shop/db", lost + "build apps/shop/db.yaml", "set/stores: shop is changed",
			"set/stores: shut shop Secret shop/db: a block has no lock for the cluster or for a set that it is in",
		}},
		"sealed for another object": {testfleet.Files{
			"apps/shop/db.yaml": strings.Replace(w.files["apps/shop/db.yaml"], "name: db", "name: other", 1),
		}, []string{
			"  added Secret shop/other", gone + "Secret shop/db", lost + "build apps/shop/db.yaml",
			"set/stores: shop is changed",
			"set/stores: shut shop Secret shop/other: it is sealed for another object, or for other fields",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, lines(w.between(test.change))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnOlderFleetFileIsTold: it is well signed, and not signed anew.
func TestAnOlderFleetFileIsTold(t *testing.T) {
	w := newWorld(t)
	w.files = w.files.With(testfleet.Files{"fleet.yaml": w.root.Fleet(t, 2)})
	got := lines(w.between(testfleet.Files{"fleet.yaml": w.root.Fleet(t, 1)}))
	if diff := cmp.Diff([]string{"fleet spec.serial"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhoVouchesIsTold: nobody compared the keys, and from now on a second lock may rest
// on them.
func TestWhoVouchesIsTold(t *testing.T) {
	w := newWorld(t)
	vouched := testfleet.Cluster("two", "  vouchedBy: KeyService\n")
	got := lines(w.between(testfleet.Files{"clusters/two.yaml": vouched}))
	want := []string{"file cluster/two: its keys stand on the key service's word"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.files = w.files.With(testfleet.Files{"clusters/two.yaml": vouched})
	got = lines(w.between(testfleet.Files{"clusters/two.yaml": testfleet.Cluster("two", "")}))
	want = []string{"file cluster/two: its keys count as compared, and locks may rest on them alone"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatMovesIsNeitherGainedNorLost: a renamed placement takes its objects along.
func TestWhatMovesIsNeitherGainedNorLost(t *testing.T) {
	w := newWorld(t)
	got := lines(w.between(testfleet.Files{"placements/shop.yaml": "",
		"placements/store.yaml": testfleet.Placement("store", "apps/shop", "shop", "{clusterSet: stores}")}))
	want := []string{
		"  moved ConfigMap shop/configshop", "  moved Secret shop/dbshop",
		"set/stores: moved storeshop Secret shop/db by placement placements/store.yaml, placement placements/shop.yaml",
		"set/stores: shop is removed", "set/stores: store is added",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatSeveralClaimIsNobodys: a plan that gave it to one of them would promise what
// no cluster does.
func TestWhatSeveralClaimIsNobodys(t *testing.T) {
	w := newWorld(t)
	second := testfleet.Files{
		"placements/store.yaml": testfleet.Placement("store", "apps/shop", "shop", "{clusterName: one}"),
	}
	got := lines(w.between(second))
	const both = " is claimed by placements shop, store: none of them gets it, and none opens anything there"
	want := []string{
		"blocked : ConfigMap shop/config" + both, "blocked : Secret shop/db" + both,
		"cluster/one: lost shop Secret shop/db by placement placements/store.yaml",
		"cluster/one: store is added",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.files = w.files.With(second)
	got = lines(w.between(testfleet.Files{"placements/store.yaml": ""}))
	if want := "cluster/one: gained shop Secret shop/db by placement placements/store.yaml"; !slices.Contains(got, want) {
		t.Errorf("when the other goes: %q, want %q", got, want)
	}
}

// TestWhatDoesNotChangeIsNotBuilt: work is proportional to the change.
func TestWhatDoesNotChangeIsNotBuilt(t *testing.T) {
	w := newWorld(t)
	w.files = w.files.With(testfleet.Files{
		"placements/tool.yaml": testfleet.Placement("tool", "apps/tool", "tool", "{clusterSet: stores}"),
		"apps/tool/t.yaml":     testfleet.ConfigMap("t"),
	})
	w.between(testfleet.Files{"apps/tool/t.yaml": testfleet.ConfigMap("u")})
	if got := w.builder.Processes(); got != 2 {
		t.Errorf("%d builds, want two of tool and none of shop", got)
	}
}

// TestAClustersOwnLockOpensForItAlone: such a lock tells apart what is alike otherwise.
func TestAClustersOwnLockOpensForItAlone(t *testing.T) {
	w := newWorld(t)
	spec := w.root.Spec(1)
	w.sealer = testfleet.SealerOf(t, &spec)
	w.twoLocks()
	got := lines(w.between(testfleet.Files{"apps/shop/db.yaml": w.seal("db", "cluster/two")}))
	want := []string{
		"  changed Secret shop/db",
		"cluster/one: lost shop Secret shop/db by build apps/shop/db.yaml",
		"cluster/one: shut shop Secret shop/db: a block has no lock for the cluster or for a set that it is in",
		"cluster/two: changed shop Secret shop/db by build apps/shop/db.yaml",
		"set/stores: shop is changed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
