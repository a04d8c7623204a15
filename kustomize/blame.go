package kustomize

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/internal/worker"
)

var nameLine = regexp.MustCompile(`(?m)(?:^|[\s{,-])"?name"?:\s*["']?([^\s"',}]+)`)

// fileOf names the file of a failure. kustomize's own texts name it relative to
// some folder; the file read last tells which.
func (v *view) fileOf(failure *worker.Failure) string {
	if failure.File == "" && v.last != "" && strings.Contains(failure.Problem, path.Base(v.last)) &&
		!strings.Contains(failure.Problem, v.last) {
		return v.last
	}
	return failure.File
}

// blame guesses which file an object came from: kustomize does not say, and
// renames things. It reads lines, not YAML: what broke a build is not worth
// parsing in this process. A field at fault may come from another file than its
// object, a patch: that one is named if it alone spells the field. "" when
// nothing fits.
func (v *view) blame(id ObjectID, field string) string {
	best, length := "", 0
	var spelled []string
	for _, file := range v.filesRead() {
		data, _ := v.tree.ReadFile(file)
		if field != "" && bytes.Contains(data, []byte(field)) {
			spelled = append(spelled, file)
		}
		if !mentions(file, data, id.Kind) {
			continue
		}
		for _, match := range nameLine.FindAllSubmatch(data, -1) {
			if name := string(match[1]); strings.Contains(id.Name, name) && len(name) > length {
				best, length = file, len(name)
			}
		}
	}
	if len(spelled) == 1 {
		return spelled[0]
	}
	return best
}

// filesRead are the files that the build was given, sorted.
func (v *view) filesRead() []string {
	var files []string
	for q, answer := range v.answers {
		if q.kind == askRead && answer != answerNone && answer != answerFolder && !strings.HasPrefix(answer, answerRefused) {
			files = append(files, q.path)
		}
	}
	slices.Sort(files)
	return files
}

// mentions: a manifest names the kind; a kustomization generates it. An object
// whose kind is not text fits any manifest.
func mentions(file string, data []byte, kind string) bool {
	switch {
	case !isKustomizationName(path.Base(file)):
		return bytes.Contains(data, []byte(kind))
	case kind == "":
		return false
	}
	return bytes.Contains(data, []byte(strings.ToLower(kind[:1])+kind[1:]+"Generator"))
}
