package fleetsync

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// BenchmarkManyPruned has many clusters decide about one commit that removes 15 of 20
// applications everywhere, and about one that consents to it. A cluster is its file, its
// Deliveries as they stand and the loop's own decision, made for one after the other
// over one mirror; there is no Kubernetes. Every second cluster slept through the
// removal. Then 3 of the 5 that stay are removed too, with the line still in fleet.yaml.
// BULLA_MANY=3000 is another number than 300.
//
//	held-s     all that are awake hold the removal
//	pruned-s   all let it go, on the word of one line
//	guarded-s  all hold the later removal
func BenchmarkManyPruned(b *testing.B) {
	clusters := 300
	if text := os.Getenv("BULLA_MANY"); text != "" {
		var err error
		if clusters, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	b.Run(fmt.Sprintf("clusters=%d", clusters), func(b *testing.B) {
		for b.Loop() {
			m := newManyBench(b, clusters)
			m.run()
		}
	})
}

// manyBench is a fleet and the Deliveries of each of its clusters.
type manyBench struct {
	*testing.B
	repo      *gitserver.Repo
	mirror    *git.Mirror
	spec      api.FleetSpec
	root      *testfleet.Root
	builder   *kustomize.Builder
	clusters  []string
	delivered map[string][]v1alpha1.Delivery // by cluster
}

func newManyBench(b *testing.B, clusters int) *manyBench {
	b.Helper()
	m := &manyBench{B: b, root: testfleet.NewRoot(b), delivered: map[string][]v1alpha1.Delivery{},
		builder: kustomize.NewBuilder(kustomize.BuilderOptions{Timeout: 3 * time.Minute, SlowAfter: time.Minute})}
	m.spec = m.root.Spec(1)
	var err error
	m.repo, err = gitserver.ForTest(b).NewRepo("fleet")
	m.must(err)
	files := map[string]*string{"clustersets/retail.yaml": new(testfleet.Set("retail"))}
	for i := range clusters {
		name := fmt.Sprintf("shop-%04d", i)
		m.clusters = append(m.clusters, name)
		files["clusters/"+name+".yaml"] = new(testfleet.Cluster(name, ""))
	}
	for _, app := range apps(0, 20) {
		files["placements/"+app+".yaml"] = new(testfleet.Placement(app, "apps/"+app, app, "{clusterSet: retail}"))
		files["apps/"+app+"/c.yaml"] = new("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n")
	}
	m.mirror, err = git.Open(b.TempDir(), m.repo.URL(), "main",
		git.Auth{Username: m.repo.Username, Password: m.repo.Password}, git.Limits{})
	m.must(err)
	head := m.commit(files)
	for _, cluster := range m.clusters {
		for _, app := range apps(0, 20) {
			m.delivered[cluster] = append(m.delivered[cluster], v1alpha1.Delivery{
				ObjectMeta: metav1.ObjectMeta{Name: app},
				Spec:       v1alpha1.DeliverySpec{Revision: "main@sha1:" + head, BuildDigest: "sha256:" + app},
			})
		}
	}
	return m
}

func (m *manyBench) run() {
	removal := m.commit(gone(apps(0, 15)))
	m.decide("held-s", removal, 2, 15, 0)
	m.spec.Serial++
	m.spec.Prune = &api.FleetPrune{Consent: []api.PruneConsent{{Revision: removal, Reason: "the tills are gone"}}}
	m.decide("pruned-s", m.commit(nil), 1, 0, 15)
	m.decide("guarded-s", m.commit(gone(apps(15, 18))), 1, 3, 0)
	m.ReportMetric(0, "ns/op")
}

// decide has every step-th cluster look at a head: so many Deliveries are held, and so
// many removed, on each.
func (m *manyBench) decide(metric, head string, step, held, removed int) {
	m.Helper()
	start := time.Now()
	loop := &delivering{Options: &Options{Builder: m.builder},
		remote: &remote{mirror: openMirror{Source: m.mirror, before: new(model.Loader)}}}
	files, read, err := loop.remote.mirror.read(head)
	m.must(err)
	for i := 0; i < len(m.clusters); i += step {
		cluster := m.clusters[i]
		s := &view.Snapshot{Head: head, Revision: "main@sha1:" + head, Fleet: read.Fleet, Model: read,
			Resolution: m.builder.Resolve(m.Context(), files, read, cluster)}
		p := &pass{obj: &v1alpha1.FleetSync{Spec: v1alpha1.FleetSyncSpec{ClusterName: cluster}}, snapshot: s}
		plan := planDeliveries(s, cluster, m.delivered[cluster], loop.consented(m.Context(), loop.covered(p)))
		var stay []v1alpha1.Delivery
		for _, d := range m.delivered[cluster] {
			if s.Placed(d.Name) != nil || len(plan.blocked) > 0 {
				stay = append(stay, d)
			}
		}
		if gone := len(m.delivered[cluster]) - len(stay); len(plan.blocked) != held || gone != removed {
			m.Fatalf("%s: %d are held and %d removed, want %d and %d", cluster, len(plan.blocked), gone, held, removed)
		}
		m.delivered[cluster] = stay
	}
	m.ReportMetric(time.Since(start).Seconds(), metric)
}

// commit pushes files and fleet.yaml, and fetches.
func (m *manyBench) commit(files map[string]*string) string {
	m.Helper()
	if files == nil {
		files = map[string]*string{}
	}
	files["fleet.yaml"] = new(m.root.File(m, &m.spec))
	head, err := m.repo.Commit("change", files)
	m.must(err)
	_, err = m.mirror.Fetch(m.Context(), "")
	m.must(err)
	return head
}

func (m *manyBench) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// apps are the names of applications.
func apps(from, to int) []string {
	var names []string
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("app-%02d", i))
	}
	return names
}

// gone takes placements out.
func gone(apps []string) map[string]*string {
	files := map[string]*string{}
	for _, app := range apps {
		files["placements/"+app+".yaml"] = nil
	}
	return files
}
