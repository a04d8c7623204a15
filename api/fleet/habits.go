package fleet

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/manual"
)

// ofFlux are fields that who comes from Flux writes out of habit, by kind and path, and what
// there is instead. docs/reference/from-flux.md has each of Flux's fields; a test holds
// those that it calls left out or another name against this table.
var ofFlux = map[string]map[string]string{
	KindPlacement: {
		"spec.sourceRef":               "take it out: the repository that holds this file is the source",
		"spec.postBuild":               "write spec.substitute; a variant has its own, a Cluster file has spec.values",
		"spec.substituteFrom":          "write the values under spec.substitute: a build is made of Git alone",
		"spec.decryption":              "take it out: the key service opens what is sealed, and no key lies in a cluster",
		"spec.kubeConfig":              "take it out: spec.targets names clusters, and each one's own controller applies",
		"spec.buildMetadata":           "write buildMetadata into kustomization.yaml",
		"spec.ignoreMissingComponents": "take it out: a component that is not there is a mistake to tell",
		"spec.ignore":                  "take the fields out of the manifest: what Git does not have is left alone",
		"spec.dependsOn[].namespace":   "take it out: placements have no namespace of their own",
		"spec.window":                  "write spec.windows, a list of schedule, duration and timeZone",
	},
}

// ofFleetSync are fields of Flux's GitRepository, or of our own FleetSync.
var ofFleetSync = []string{"url", "ref", "tag", "semver", "secretRef", "proxySecretRef", "verify", "provider",
	"recurseSubmodules", "include", "sparseCheckout", "acceptRewrites", "keyService"}

const fluxPage = "its fields: " + manual.At + "reference/from-flux.md"

// ofKinds are kinds that stand where one of ours belongs.
var ofKinds = map[string]string{
	"Kustomization": "Flux's Kustomization is a Placement here, in placements/: " + fluxPage,
	"GitRepository": "Flux's GitRepository is a FleetSync here, which is applied to a cluster: " + fluxPage,
	"FleetSync":     "a FleetSync is applied to a cluster, and not read from Git",
}

// anyItem is the index of an item in a list.
var anyItem = regexp.MustCompile(`\[\d+\]`)

// elsewhere says what to write instead of a field that a kind does not have; "" where
// nobody knows.
func elsewhere(kind, field string) string {
	field = anyItem.ReplaceAllString(field, "[]")
	if hint := ofFlux[kind][field]; hint != "" {
		return hint
	}
	name, direct := strings.CutPrefix(field, "spec.")
	inVariant, ofVariant := strings.CutPrefix(name, "variants[].")
	switch {
	case !direct:
		return ""
	case kind == KindPlacement && ofVariant && isField[PlacementSpec](inVariant):
		return "write it as spec." + inVariant + ", for all clusters of the placement: variants have path, patches and " +
			"substitute"
	case slices.Contains(ofFleetSync, name) && isGrant(kind):
		return "a cluster's FleetSync says which repository it follows, and how"
	case kind == KindCluster && field == "spec.postBuild":
		return "write spec.values: what a placement substitutes on this cluster"
	case kind != KindPlacement && isGrant(kind) && (isField[PlacementSpec](name) || ofFlux[KindPlacement][field] != ""):
		return "what is delivered, and how, stands in a Placement, in placements/"
	}
	return ""
}

// isGrant: the kind is one that says who gets what, and not what.
func isGrant(kind string) bool {
	return slices.Contains([]string{KindFleet, KindCluster, KindClusterSet, KindPlacement}, kind)
}

func isField[T any](name string) bool {
	fields := map[string]reflect.Type{}
	collectFields(typeOf[T](), fields)
	return fields[name] != nil
}
