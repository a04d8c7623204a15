package stubs

import (
	"regexp"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/worker/deletions"
)

// deleted looks for the patch that deletes a stub's object. Patches name objects
// by the names that they have at that point, so a prefix or suffix may stand
// around the stub's.
func deleted(stub *built.Stub, patches []deletions.Deletion) (file string, ok bool) {
	template, err := stub.Template()
	if err != nil {
		return "", false
	}
	kind, _ := template["kind"].(string)
	name := stub.Manifest.Metadata.Name
	for _, d := range patches {
		if d.Pattern {
			ok = matches(d.Kind, kind) && (matches(d.Name, name) || strings.Contains(d.Name, name))
		} else {
			ok = d.Kind == kind && strings.Contains(d.Name, name)
		}
		if ok {
			return d.File, true
		}
	}
	return "", false
}

// matches is how a patch's target selects: an empty pattern is any.
func matches(pattern, text string) bool {
	const longest = 512
	if pattern == "" {
		return true
	}
	if len(pattern) > longest {
		return false
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(text)
}
