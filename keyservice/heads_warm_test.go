package keyservice_test

import "testing"

// TestTheServiceComesUpWhateverTheHeadBuildsTo: what a folder builds is a
// pusher's. It costs its own placement and nobody else, a restart included; and
// once Git is mended, what is built is what Git holds.
func TestTheServiceComesUpWhateverTheHeadBuildsTo(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := newFixture(t)
	other, digest := f.seal(stub{namespace: "shop", name: "db", values: map[string]string{"/data/password": canary}})
	broken := f.commit(map[string]string{
		"placements/shop.yaml": placementFile("shop", "shop", "cluster/prod-eu"),
		"apps/shop/db.yaml":    other,
		// The YAML library of kustomize reads "5" where the JSON that comes out
		// has a number.
		"apps/payments/broken.yaml": "apiVersion: v1\nkind: 5\nmetadata: {name: broken}\n",
	})
	granted := func(revision, digest string, want bool) {
		t.Helper()
		if _, result := f.eu.unseal(revision, digest); result.Granted() != want {
			t.Errorf("granted is %v: %v\n%s", !want, result.Refusal, f.logs.tail())
		}
	}
	granted(broken, f.digest, false)
	granted(broken, digest, true)

	f.restart()
	granted(broken, f.digest, false)
	granted(broken, digest, true)

	f.stop()
	f.git.Hang()
	mended := f.commit(map[string]string{"apps/payments/broken.yaml": ""})
	f.start(2)
	f.eu.client = f.eu.dial()
	if n := f.builder.Processes(); n != 0 {
		t.Errorf("%d builds were started before Git was looked at", n)
	}
	f.git.Heal()
	granted(mended, f.digest, true)
	if n := f.builder.Processes(); n != 2 {
		t.Errorf("%d builds, want one of each placement at the mended head", n)
	}
}
