package delivercmd

import (
	"slices"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func TestWorkloadsOfTheFilesAreCompleted(t *testing.T) {
	tree := testfleet.Open(t, testfleet.Files{
		"fleet.yaml": "kind: Fleet\n",
		"apps/shop/base/all.yaml": "kind: Deployment\nmetadata: {name: api}\n---\n# nothing\n---\nkind: Service\n" +
			"metadata: {name: api}\n---\n[a, list]\n---\n{kind: CronJob, metadata: {name: tidy}}\n",
		"apps/shop/eu/api.yml":      "kind: Deployment\nmetadata: {name: api}\n",
		"apps/shop/eu/broken.yaml":  "kind: StatefulSet\nmetadata: {name: [\n",
		"apps/shop/eu/patch.yaml":   "kind: Deployment\nmetadata: {}\n",
		"apps/shop/eu/short.yaml":   "kind: deploy\nmetadata: {name: mistyped}\n",
		"apps/shop/eu/config.json":  `{"kind": "Pod", "metadata": {"name": "json"}}`,
		"apps/shop/eu/secrets.yaml": "kind: SealedManifest\nmetadata: {name: db}\n",
	})
	want := []string{"cronjob/tidy", "deployment/api"}
	if got := workloads(tree); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOfAWireIsOfferedWhatRemoveTakes(t *testing.T) {
	wire := func(kind, name string, containers ...string) api.DeliverAs {
		return api.DeliverAs{Workload: api.WorkloadReference{Kind: kind, Name: name}, Containers: containers}
	}
	wires := []api.DeliverAs{
		wire("Rollout", "canary"), wire("Deployment", "api", "web"), wire("Deployment", "api"),
		wire("CronJob", "tidy", "a", "b"),
	}
	want := []string{"Rollout/canary", "cronjob/tidy", "deployment/api", "deployment/api:web"}
	got := wired(wires)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, word := range got {
		if _, _, err := workload("--remove", word); err != nil {
			t.Errorf("%s is offered, and refused: %v", word, err)
		}
	}
}
