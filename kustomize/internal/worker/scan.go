package worker

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
)

func isKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name))
}

// reference is a value of a kustomization that kustomize loads from somewhere.
type reference struct{ field, value string }

// scan looks through a kustomization for what a build may not do, and
// says what in one line; nil for nothing. A file that does not parse is left to
// kustomize, which says it better.
func scan(f *remoteFS, file string, data []byte) *Failure {
	at := func(line int, problem string) *Failure { return &Failure{File: file, Line: line, Problem: problem} }
	dir := path.Join(Root, path.Dir(file))
	var k types.Kustomization
	if err := k.Unmarshal(data); err != nil {
		return nil
	}
	if field := helmField(&k); field != "" {
		return at(keyLine(data, field), field+": Helm is not run; "+
			"hint: render the chart into the repository (helm template), and list what it makes under resources")
	}
	for _, r := range references(&k) {
		switch {
		case strings.Contains(r.value, "\n"), strings.HasPrefix(r.value, "{"), strings.HasPrefix(r.value, "["):
			// written out in place, where a URL may well be content
		case isRemote(r.value), isHost(f, dir, r.value):
			// Not quoted: a URL may have a password in it.
			return at(lineOf(data, r.value), r.field+": remote reference is refused; "+
				"hint: everything must be in the repository: copy it there, and list the copy")
		case strings.HasPrefix(r.value, "/"):
			return at(lineOf(data, r.value),
				fmt.Sprintf("%s: %q is an absolute path; hint: write it as seen from this file's folder", r.field, r.value))
		case !within(path.Join(dir, r.value)):
			return at(lineOf(data, r.value),
				fmt.Sprintf("%s: %q leaves the repository; hint: copy it into the repository", r.field, r.value))
		}
	}
	f.texts.lists(file, data, &k)
	return nil
}

// helmField is the field that would run Helm, "" for none.
func helmField(k *types.Kustomization) string {
	switch {
	case len(k.HelmCharts) > 0:
		return "helmCharts"
	case len(k.HelmChartInflationGenerator) > 0:
		return "helmChartInflationGenerator"
	case k.HelmGlobals != nil:
		return "helmGlobals"
	}
	return ""
}

func references(k *types.Kustomization) []reference {
	var all []reference
	list := func(field string, values ...string) {
		for i, value := range values {
			if value != "" {
				all = append(all, reference{fmt.Sprintf("%s[%d]", field, i), value})
			}
		}
	}
	one := func(field, value string) {
		if value != "" {
			all = append(all, reference{field, value})
		}
	}
	list("resources", k.Resources...)
	list("bases", k.Bases...) //nolint:staticcheck // deprecated fields are loaded all the same
	list("components", k.Components...)
	list("crds", k.Crds...)
	list("configurations", k.Configurations...)
	list("generators", k.Generators...)
	list("transformers", k.Transformers...)
	list("validators", k.Validators...)
	for i, p := range k.PatchesStrategicMerge { //nolint:staticcheck // likewise
		one(fmt.Sprintf("patchesStrategicMerge[%d]", i), string(p))
	}
	for i, p := range k.Patches {
		one(fmt.Sprintf("patches[%d].path", i), p.Path)
	}
	for i, p := range k.PatchesJson6902 { //nolint:staticcheck // likewise
		one(fmt.Sprintf("patchesJson6902[%d].path", i), p.Path)
	}
	for i, r := range k.Replacements {
		one(fmt.Sprintf("replacements[%d].path", i), r.Path)
	}
	if p, ok := k.OpenAPI["path"]; ok {
		one("openapi.path", p)
	}
	generated := func(field string, s types.KvPairSources) {
		list(field+".files", files(s)...)
		list(field+".envs", s.EnvSources...)
		one(field+".env", s.EnvSource)
	}
	for i, g := range k.ConfigMapGenerator {
		generated(fmt.Sprintf("configMapGenerator[%d]", i), g.KvPairSources)
	}
	for i, g := range k.SecretGenerator {
		generated(fmt.Sprintf("secretGenerator[%d]", i), g.KvPairSources)
	}
	return all
}

// files of a generator are written [key=]path.
func files(s types.KvPairSources) []string {
	var paths []string
	for _, file := range s.FileSources {
		if _, p, ok := strings.Cut(file, "="); ok {
			file = p
		}
		paths = append(paths, file)
	}
	return paths
}

var (
	// user@host:path and user@host/path, which kustomize hands to git.
	withUser = regexp.MustCompile(`^[^/]*@.*[:/]`)
	// A scheme with or without slashes, and the short names of hosts.
	withScheme = regexp.MustCompile(`^(?i:[a-z][a-z0-9+.-]*:|github\.com/)`)
)

// isRemote errs on the side of refusing: a path that looks like a URL, or like
// one of the many forms that kustomize hands to git, is not worth a doubt.
func isRemote(value string) bool {
	value = strings.TrimSpace(value)
	return strings.Contains(value, "://") || strings.Contains(value, "::") ||
		strings.Contains(value, "?ref=") || strings.Contains(value, "?version=") ||
		withUser.MatchString(value) || withScheme.MatchString(value)
}

// isHost catches "example.com/org/repo": a first segment that looks like a host
// where the repository has nothing by that name.
func isHost(f *remoteFS, dir, value string) bool {
	first, _, more := strings.Cut(value, "/")
	if !more || strings.HasPrefix(first, ".") || !strings.Contains(first, ".") {
		return false
	}
	return within(path.Join(dir, first)) && !f.Exists(path.Join(dir, first))
}

func within(p string) bool { return p == Root || strings.HasPrefix(p, Root+"/") }
