package fleetsync

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/fixtures/cluster"
)

// `kubectl get fs`, `kubectl get dlv` and `kubectl get bulla` mean what the
// documentation says. kubectl reads its arguments by this library, of what the API
// server answers.
func TestKubectlKnowsTheShortNames(t *testing.T) {
	installed := chart.ForTest(t, cluster.ForTest(t))
	client, err := discovery.NewDiscoveryClientForConfig(installed.Config)
	if err != nil {
		t.Fatal(err)
	}
	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached,
		func(warning string) { t.Error(warning) })
	for short, want := range map[string]string{
		"fs": "fleetsyncs", "dlv": "deliveries", "fleetsync": "fleetsyncs", "delivery": "deliveries",
	} {
		got, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: short})
		if err != nil || got != v1alpha1.GroupVersion.WithResource(want) {
			t.Errorf("%s is %v, want %s: %v", short, got, want, err)
		}
	}
	all, ok := restmapper.NewDiscoveryCategoryExpander(cached).Expand("bulla")
	for _, want := range []string{"fleetsyncs", "deliveries"} {
		if !ok || !slices.Contains(all, v1alpha1.GroupVersion.WithResource(want).GroupResource()) {
			t.Errorf("the category bulla has %v, and not %s", all, want)
		}
	}
}
