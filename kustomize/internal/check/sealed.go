package check

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/built"
)

func checkPlaintext(o built.Object) *built.Refused {
	if gk := o.GroupVersionKind().GroupKind(); gk.Group != "" || gk.Kind != "Secret" {
		return nil
	}
	for _, field := range []string{"data", "stringData"} {
		if value, ok := o.Object[field]; ok && !built.IsEmpty(value) {
			return &built.Refused{Problem: "is a Secret with plaintext " + field, Plaintext: true}
		}
	}
	return nil
}

// checkSealed holds what became of a stub against its template: what is sealed
// was reviewed as that, and nothing else. key is what a patch at fault would spell.
func checkSealed(o built.Object) (problem, key string) {
	template, err := o.Stub.Template()
	if err != nil {
		return err.Error(), ""
	}
	switch {
	case o.Object["apiVersion"] != template["apiVersion"] || o.Object["kind"] != template["kind"]:
		kind, _ := o.Object["kind"].(string)
		return fmt.Sprintf("is not of the kind of its stub %s; "+
			"hint: patch nothing of apiVersion and kind: what it becomes stands in the stub, under spec.template",
			o.Stub.Path), kind
	case !sameData(o.Object["data"], template["data"]) || !built.IsEmpty(o.Object["stringData"]):
		others := otherKeys(o.Object, template)
		if len(others) > 0 {
			_, key, _ = strings.Cut(others[0], ".")
		}
		return fmt.Sprintf("has other data than its stub %s%s; "+
			"hint: seal the key into the stub with bulla seal, or write it under spec.template.data there",
			o.Stub.Path, inBrackets(others)), key
	case secretType(o.Object) != secretType(template):
		return fmt.Sprintf("is of type %.60q, its stub %s of %q; hint: the type stands in the stub, as spec.template.type",
			secretType(o.Object), o.Stub.Path, secretType(template)), secretType(o.Object)
	}
	return "", ""
}

// secretType is the type that Kubernetes gives a Secret which says none.
func secretType(secret map[string]any) string {
	if text, ok := secret["type"].(string); ok && text != "" {
		return text
	}
	return "Opaque"
}

// otherKeys names the keys that a Secret has and its stub's template has not, or
// has with another value.
func otherKeys(object, template map[string]any) []string {
	public := built.Mapping(template["data"])
	var keys []string
	for _, field := range []string{"data", "stringData"} {
		values := built.Mapping(object[field])
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if values[key] != public[key] {
				keys = append(keys, fmt.Sprintf("%s.%.60s", field, key))
			}
		}
	}
	return keys
}

func inBrackets(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	const most = 5
	return " (" + strings.Join(keys[:min(len(keys), most)], ", ") + ")"
}

func sameData(a, b any) bool {
	return built.IsEmpty(a) && built.IsEmpty(b) || reflect.DeepEqual(a, b)
}
