package keyservice_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// release is what the tip brings of a placement, as prod-eu finds it.
func (w *world) release(placement string) string {
	w.t.Helper()
	opened, err := tree.OpenDir(w.repo.Dir())
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := model.Load(opened)
	if err != nil {
		w.t.Fatal(err)
	}
	placed := w.builder.On(w.t.Context(), opened, m, placement, "prod-eu")
	if placed.Err != nil {
		w.t.Fatal(placed.Err)
	}
	return placed.Release()
}

// may asks whether a cluster may take a build now.
func (m *member) may(t *testing.T, head, build string, want bool) (why string) {
	t.Helper()
	m.w.offset.Add(int64(61 * time.Second)) // past the time that an answer stands, however long it took
	may, why, _, err := m.client.MayTake(t.Context(), &keyservicev1.MayTakeRequest{
		Revision: head, Placement: "payments", Release: build})
	if err != nil || may != want {
		t.Fatalf("%s may take it: %v (%s), %v; want %v", m.name, may, why, err, want)
	}
	return why
}

// stands reports that a cluster is Ready with a build.
func (m *member) stands(t *testing.T, build string, ready keyservicev1.Readiness) {
	t.Helper()
	if err := m.reportState(t, &keyservicev1.ClusterState{Deliveries: []*keyservicev1.DeliveryState{
		{Placement: "payments", Ready: ready, Release: build},
	}}); err != nil {
		t.Fatal(err)
	}
}

// showsWaves compares what a developer is shown of the waves of payments.
func (f *fixture) showsWaves(t *testing.T, want ...*keyservicev1.RolloutWave) {
	t.Helper()
	got, err := f.person("dana", config.RoleDeveloper).admin.ListRollouts(t.Context(), "payments")
	if err != nil || len(got.GetRollouts()) != 1 {
		t.Fatalf("rollouts: %v, %v", got, err)
	}
	if diff := cmp.Diff(want, got.GetRollouts()[0].GetWaves(), protocmp.Transform()); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
}

// TestABadReleaseStopsAtTheFirstWaveAndARevertRunsThrough: and access is none of it.
func TestABadReleaseStopsAtTheFirstWaveAndARevertRunsThrough(t *testing.T) {
	f := newFixture(t)
	placement := placementFile("payments", "payments", "set/all") +
		"  rollout:\n    waves: [{name: canary, clusterName: prod-eu}, {}]\n    pause: 10m\n"
	plain := func(value string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: payments}\n" +
			"data: {value: " + value + "}\n"
	}
	good := map[string]string{"placements/payments.yaml": placement, "apps/payments/settings.yaml": plain("good")}
	head := f.commit(good)
	f.settle(head)
	first := f.release("payments")
	f.eu.may(t, head, first, true)
	f.us.may(t, head, first, false)
	if _, result := f.us.unseal(head, f.digest); !result.Granted() {
		t.Errorf("a cluster whose turn it is not opens nothing: %v", result.Refusal)
	}
	f.us.may(t, head, "sha256:"+head+head[:24], false) // another build than the service's
	f.eu.stands(t, first, keyservicev1.Readiness_READINESS_READY)
	f.us.may(t, head, first, false)
	f.offset.Add(int64(11 * time.Minute))
	f.us.may(t, head, first, true)

	bad := f.commit(map[string]string{"apps/payments/settings.yaml": plain("bad")})
	f.settle(bad)
	second := f.release("payments")
	f.eu.may(t, bad, second, true)
	// Until it says something of this one, canary is Ready with the one before.
	f.us.may(t, bad, second, false)
	f.offset.Add(int64(11 * time.Minute))
	f.us.may(t, bad, second, false)
	f.eu.stands(t, second, keyservicev1.Readiness_READINESS_NOT_READY)
	f.offset.Add(int64(2 * time.Hour))
	why := f.us.may(t, bad, second, false)
	if want := "wave canary is not Ready with it; hint: bulla status --rollout --placement payments " +
		"says who lacks; mend the release, or revert it"; why != want {
		t.Errorf("the second wave is told %q, want %q", why, want)
	}
	f.showsWaves(t, &keyservicev1.RolloutWave{Name: "canary", Clusters: 1, Pause: (10 * time.Minute).Microseconds(),
		Lacking: []string{"prod-eu"}}, &keyservicev1.RolloutWave{Name: "rest", Clusters: 1,
		Pause: (10 * time.Minute).Microseconds(), Lacking: []string{"prod-us"}})

	revert := f.commit(map[string]string{"apps/payments/settings.yaml": plain("good")})
	f.settle(revert)
	if again := f.release("payments"); again != first {
		t.Fatalf("the revert builds %s, not %s", again, first)
	}
	f.us.may(t, revert, first, true)
	f.eu.may(t, revert, first, true)
}

// TestWhatOneClusterHasForItselfIsNoRelease: the service has nobody's values, and a
// controller has its cluster's. They speak of the same.
func TestWhatOneClusterHasForItselfIsNoRelease(t *testing.T) {
	f := newFixture(t)
	placement := func(pool string) string {
		return placementFile("payments", "payments", "set/all") +
			"  rollout:\n    waves: [{clusterName: prod-eu}, {}]\n  substitute: {POOL: " + pool + "}\n"
	}
	settings := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: payments}\n" +
		"data: {region: \"${REGION}\", pool: \"${POOL}\"}\n"
	regions := func(eu string) map[string]string {
		files := map[string]string{}
		for m, region := range map[*member]string{f.eu: eu, f.us: "us"} {
			files[m.path()] = m.file(func(c *api.Cluster) { c.Spec.Values = map[string]string{"REGION": region} }, "all")
		}
		return files
	}
	files := regions("eu")
	files["placements/payments.yaml"], files["apps/payments/settings.yaml"] = placement("small"), settings
	head := f.commit(files)
	f.settle(head)
	first := f.release("payments")
	f.eu.may(t, head, first, true)
	f.eu.stands(t, first, keyservicev1.Readiness_READINESS_READY)
	f.us.may(t, head, first, true)

	head = f.commit(regions("eu-central"))
	f.settle(head)
	if again := f.release("payments"); again != first {
		t.Errorf("a value of one cluster makes release %s of %s", again, first)
	}
	f.us.may(t, head, first, true)

	head = f.commit(map[string]string{"placements/payments.yaml": placement("large")})
	f.settle(head)
	second := f.release("payments")
	if second == first {
		t.Error("what is substituted for all makes no release")
	}
	f.eu.may(t, head, second, true)
	f.us.may(t, head, second, false)
}

// TestAClusterThatStoodWithItBeforeWaitsForNobodyButAPause: it speaks for itself alone.
func TestAClusterThatStoodWithItBeforeWaitsForNobodyButAPause(t *testing.T) {
	f := newFixture(t)
	placement := placementFile("payments", "payments", "set/all") + "  rollout:\n    waves: [{clusterName: prod-eu}, {}]\n"
	head := f.commit(map[string]string{"placements/payments.yaml": placement})
	f.settle(head)
	release := f.release("payments")
	ask := func(m *member, head, release string, stood, want bool) {
		t.Helper()
		f.offset.Add(int64(61 * time.Second))
		may, why, _, err := m.client.MayTake(t.Context(), &keyservicev1.MayTakeRequest{
			Revision: head, Placement: "payments", Release: release, Stood: stood})
		if err != nil || may != want {
			t.Errorf("%s may take it: %v (%s), %v; want %v", m.name, may, why, err, want)
		}
	}
	ask(f.us, head, release, true, true)
	ask(f.us, head, release, false, false)
	ask(f.us, head, "sha256:"+head+head[:24], true, false)
	paused := f.commit(map[string]string{"placements/payments.yaml": placement + "    paused: true\n"})
	f.settle(paused)
	ask(f.us, paused, release, true, false)
	ask(f.eu, paused, release, false, false)
}
