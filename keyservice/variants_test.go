package keyservice_test

import (
	"testing"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// TestAClusterOpensWhatItsOwnVariantBuilds: the stubs of all variants are locked to one
// set that both clusters are in, and only what Git builds for a cluster keeps the other's
// from it. Values of clusters decide texts and never that.
func TestAClusterOpensWhatItsOwnVariantBuilds(t *testing.T) {
	f := newFixture(t)
	sealed := func(name string) (string, string) {
		return f.seal(stub{namespace: "shop", name: name, values: map[string]string{"/data/key": "v"}})
	}
	base, baseDigest := sealed("base")
	eu, euDigest := sealed("only-eu")
	us, usDigest := sealed("only-us")
	shop := placementFile("shop", "shop", "set/all")
	head := f.commit(map[string]string{
		"clustersets/all.yaml":            setFile("all"),
		"placements/payments.yaml":        "", // prod-eu's alone: nothing else may tell the two apart
		"apps/shop/base.yaml":             base,
		"apps/shop/kustomization.yaml":    "resources: [base.yaml, text.yaml]\n",
		"apps/shop-eu/kustomization.yaml": "resources: [../shop, only.yaml]\n", "apps/shop-eu/only.yaml": eu,
		"apps/shop-us/kustomization.yaml": "resources: [../shop, only.yaml]\n", "apps/shop-us/only.yaml": us,
		"apps/shop/text.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text}\ndata: {key: \"${NOWHERE}\"}\n",
		"placements/shop.yaml": shop + "  substitute: {}\n  variants:\n" +
			"  - {name: eu, clusterName: prod-eu, path: apps/shop-eu}\n" +
			"  - {name: us, selector: {matchLabels: {set: all}}, path: apps/shop-us}\n",
	})
	f.settle(head)
	for _, test := range []struct {
		who    *member
		digest string
		opens  bool
	}{
		{f.eu, baseDigest, true}, {f.us, baseDigest, true},
		{f.eu, euDigest, true}, {f.us, usDigest, true},
		{f.eu, usDigest, false}, {f.us, euDigest, false},
	} {
		before := f.operations()
		_, result := test.who.unseal(head, test.digest)
		if result.Granted() != test.opens {
			t.Errorf("%s asks for %s: %v", test.who.name, test.digest, result.Refusal)
		}
		if !test.opens && (result.Refusal != keyservicev1.Refusal_REFUSAL_NOT_PLACED || f.operations() != before) {
			t.Errorf("%s: %v after %d token operations, want NOT_PLACED after none", test.who.name, result.Refusal,
				f.operations()-before)
		}
	}

	// Another variant in Git is another grant; what was open before is not any more.
	head = f.commit(map[string]string{
		"placements/shop.yaml": shop + "  variants: [{name: us, clusterName: prod-eu, path: apps/shop-us}]\n",
	})
	f.settle(head)
	if _, result := f.eu.unseal(head, usDigest); !result.Granted() {
		t.Errorf("prod-eu gets what us builds, and is refused: %v", result.Refusal)
	}
	if _, result := f.eu.unseal(head, euDigest); result.Granted() {
		t.Error("prod-eu opens what its variant builds no more")
	}
	if _, result := f.us.unseal(head, usDigest); result.Granted() {
		t.Error("prod-us opens what another variant builds")
	}
}
