package kube

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// The kinds of ours that a cluster has.
const (
	FleetSync      = "FleetSync"
	Delivery       = "Delivery"
	SealedManifest = "SealedManifest"
)

// words are by which people call a kind: the API server's plural, then others.
var words = map[string][]string{
	FleetSync:      {"fleetsyncs", "fleetsync", "fs"},
	Delivery:       {"deliveries", "delivery", "dlv"},
	SealedManifest: {"sealedmanifests", "sealedmanifest"},
}

// Resource is by which the API server has a kind.
func Resource(kind string) schema.GroupVersionResource {
	return v1alpha1.GroupVersion.WithResource(words[kind][0])
}

// KindOf reads what people call a kind; those that are meant here are named in order.
func KindOf(word string, among ...string) (string, error) {
	var plurals []string
	for _, kind := range among {
		if slices.Contains(words[kind], strings.TrimSuffix(strings.ToLower(word), ".bulla.dev")) {
			return kind, nil
		}
		plurals = append(plurals, words[kind][0])
	}
	hint := closest.Hint(word, plurals) + "one of " + strings.Join(plurals, ", ")
	return "", fault.NewUsage(hint, "%q is no kind that this command knows", word)
}

// Words are the plurals of kinds, for completion.
func Words(among ...string) (plurals []string) {
	for _, kind := range among {
		plurals = append(plurals, words[kind][0])
	}
	return plurals
}
