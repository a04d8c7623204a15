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

// fileOf names the file of a failure. A kustomization that nobody wrote is the
// folder's.
func (v *view) fileOf(failure *worker.Failure) string {
	if v.isGenerated(failure.File) {
		return v.root
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
		for _, name := range named(file, data, id.Kind) {
			if strings.Contains(id.Name, name) && len(name) > length {
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

// named lists the names in the documents of a kind: a manifest says the kind, a
// kustomization generates it. An object whose kind is not text fits any manifest.
func named(file string, data []byte, kind string) []string {
	says := regexp.MustCompile(`(?m)(?:^|[\s{,])["']?kind["']?\s*:\s*["']?` + regexp.QuoteMeta(kind) + `(?:["']|\b|$)`)
	if isKustomizationName(path.Base(file)) {
		if kind == "" {
			return nil
		}
		says = regexp.MustCompile(regexp.QuoteMeta(strings.ToLower(kind[:1]) + kind[1:] + "Generator"))
	}
	var names []string
	for _, document := range documentEnd.Split(string(data), -1) {
		if !says.MatchString(document) {
			continue
		}
		for _, match := range nameLine.FindAllStringSubmatch(document, -1) {
			names = append(names, match[1])
		}
	}
	return names
}
