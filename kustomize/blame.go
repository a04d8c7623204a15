package kustomize

import (
	"bytes"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var nameLine = regexp.MustCompile(`(?m)^[\s-]*"?name"?:\s*["']?([^\s"',}]+)`)

// blame guesses which file an object came from: kustomize does not say, and
// renames things. It reads lines, not YAML: what broke a build is not worth
// parsing in this process. "" when nothing fits.
func (v *view) blame(id ObjectID) string {
	best, length := "", 0
	for _, file := range slices.Sorted(maps.Keys(v.files)) {
		data := v.files[file]
		if !mentions(file, data, id.Kind) {
			continue
		}
		for _, match := range nameLine.FindAllSubmatch(data, -1) {
			if name := string(match[1]); strings.Contains(id.Name, name) && len(name) > length {
				best, length = file, len(name)
			}
		}
	}
	return best
}

// mentions: a manifest names the kind; a kustomization generates it.
func mentions(file string, data []byte, kind string) bool {
	if isKustomizationName(path.Base(file)) {
		return bytes.Contains(data, []byte(strings.ToLower(kind[:1])+kind[1:]+"Generator"))
	}
	return bytes.Contains(data, []byte(kind))
}
