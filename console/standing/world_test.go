package standing_test

import (
	"fmt"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/standing"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/kustomize/model"
)

var now = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

func before(d time.Duration) *time.Time {
	t := now.Add(-d)
	return &t
}

// world is a fleet in memory: what a Git tree with so many files would be read as.
type world struct {
	model  *model.Model
	status *ledger.Status
}

// newWorld has the clusters c0000, c0001 and so on, each in the set all, and every tenth
// in the set canary.
func newWorld(clusters int) *world {
	w := &world{
		model: &model.Model{Clusters: map[string]*api.Cluster{}, Sets: map[string]*api.ClusterSet{},
			Placements: map[string]*api.Placement{}, Files: map[string]string{}},
		status: &ledger.Status{Head: "h2", Time: now},
	}
	for _, set := range []string{"all", "canary"} {
		w.model.Sets[set] = &api.ClusterSet{Spec: api.ClusterSetSpec{
			Selector: api.LabelSelector{MatchLabels: map[string]string{set: "yes"}}}}
	}
	for i := range clusters {
		name := fmt.Sprintf("c%04d", i)
		labels := map[string]string{"all": "yes"}
		if i%10 == 0 {
			labels["canary"] = "yes"
		}
		w.model.Clusters[name] = &api.Cluster{Metadata: api.Metadata{Name: name, Labels: labels}}
		w.status.Clusters = append(w.status.Clusters, ledger.Cluster{Name: name, Standing: ledger.Member, Head: "h2",
			Reported: before(time.Minute), Secrets: []ledger.Secret{}})
	}
	return w
}

// place has an application on a set, as accepted, delivered and with one secret in use.
func (w *world) place(name, set string) {
	w.model.Placements[name] = &api.Placement{Metadata: api.Metadata{Name: name}, Spec: api.PlacementSpec{
		Path: "apps/" + name, TargetNamespace: name, Targets: []api.PlacementTarget{{ClusterSet: set}}}}
	placed := ledger.Placement{Name: name, Clusters: w.model.Members(set)}
	w.status.Placements = append(w.status.Placements, placed)
	at := map[string]int{}
	for i := range w.status.Clusters {
		at[w.status.Clusters[i].Name] = i
	}
	for _, cluster := range placed.Clusters {
		c := &w.status.Clusters[at[cluster]]
		c.Deliveries = append(c.Deliveries, ledger.Delivery{Placement: name, Ready: "True", Objects: 3})
		c.Secrets = append(c.Secrets, ledger.Secret{Placement: name, Namespace: name, Name: "db", State: "InUse",
			Match: ledger.Current, Digest: "d", PlacedDigest: "d"})
	}
}

func (w *world) fleet() *standing.Fleet { return standing.New(w.model, w.status) }

func (w *world) cluster(t *testing.T, name string) *ledger.Cluster {
	t.Helper()
	for i := range w.status.Clusters {
		if w.status.Clusters[i].Name == name {
			return &w.status.Clusters[i]
		}
	}
	t.Fatalf("no cluster %s", name)
	return nil
}
