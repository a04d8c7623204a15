package workload

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Template is a place in an object where a pod's metadata and spec stand.
type Template struct {
	// Path leads from the object to the map that has the pod's metadata and
	// spec. It is empty for a Pod, and has a number where it goes through a list.
	Path []string
	// Rolls is set when pods are made anew once the template changes. A Job's
	// template is immutable and runs once, a Pod has none, and what a controller
	// that nobody here knows does with a template deep in its object is its own.
	Rolls bool
}

// maxDepth bounds the search for templates. A custom kind keeps one at most ten
// levels deep; an object of that depth was refused where it was read.
const maxDepth = 16

// Templates returns an object's pod templates, in the order of their paths: none
// for an object without pods. Built-in kinds keep theirs where Kubernetes says;
// in every other kind a template is what looks like one: a map whose spec lists
// containers.
func Templates(object map[string]any) []Template {
	group, kind := groupKind(object)
	switch {
	case group == "" && kind == "Pod":
		return known(object, false)
	case group == "" && kind == "PodTemplate":
		return known(object, false, "template")
	case group == "batch" && kind == "Job":
		return known(object, false, "spec", "template")
	case group == "batch" && kind == "CronJob":
		return known(object, true, "spec", "jobTemplate", "spec", "template")
	case holdsData(group, kind):
		return nil
	}
	var found []Template
	search(object, nil, &found)
	return found
}

// holdsData tells the kinds whose content is a user's own: it may look like
// anything, and runs nothing.
func holdsData(group, kind string) bool {
	switch {
	case group == "" && (kind == "ConfigMap" || kind == "Secret"):
		return true
	case group == "apiextensions.k8s.io" && kind == "CustomResourceDefinition":
		return true
	}
	return false
}

func known(object map[string]any, rolls bool, path ...string) []Template {
	if !isTemplate(mapAt(object, path...)) {
		return nil
	}
	return []Template{{Path: path, Rolls: rolls}}
}

func isTemplate(m map[string]any) bool {
	return isContainers(listAt(m, "spec", "containers"))
}

// isContainers asks for what every container has: anything may be called containers.
func isContainers(list []any) bool {
	for _, item := range list {
		if textAt(item, "name") == "" && textAt(item, "image") == "" {
			return false
		}
	}
	return len(list) > 0
}

func search(value any, path []string, found *[]Template) {
	if len(path) > maxDepth {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		if isTemplate(v) {
			rolls := strings.Join(path, "/") == "spec/template"
			*found = append(*found, Template{Path: slices.Clone(path), Rolls: rolls})
			if len(path) > 0 {
				return
			}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			search(v[key], join(path, key), found)
		}
	case []any:
		for i, item := range v {
			search(item, join(path, strconv.Itoa(i)), found)
		}
	}
}

func groupKind(object map[string]any) (group, kind string) {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ = object["kind"].(string)
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group = ""
	}
	return group, kind
}
