package check

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/loose"
)

// files are those of the repository, read by builds or not.
type files struct {
	*fleet
	// read are the files of all builds, folders where they lie.
	read, folders map[string]bool
	// stubs are the files that a build read as stubs: strictly, and one to a file.
	stubs map[string]bool
}

func (f *files) check(broken map[string]bool) {
	f.checkUnread(broken)
	f.checkUnplaced(broken)
	f.checkAimed()
}

// note records what a build read and left out, and whether it built anything.
func (f *files) note(build *kustomize.Build, folder string) {
	for _, file := range build.Files {
		f.read[file] = true
		f.folders[path.Dir(file)] = true
	}
	for _, o := range build.Objects {
		if o.Stub != nil {
			f.stubs[o.Stub.Path] = true
		}
	}
	for _, file := range build.LeftOut {
		if !strings.EqualFold(path.Ext(file), ".json") {
			f.warn(file, "it holds no Kubernetes object (neither apiVersion nor kind), and is left out")
		}
	}
	if len(build.Objects) == 0 && len(build.Deleted) == 0 {
		f.warn(f.placementFile(build.Placement), "it builds nothing: %s",
			f.nothing(folder))
	}
}

// nothing says why a folder builds nothing.
func (f *files) nothing(folder string) string {
	for _, entry := range f.tree.Files(folder) {
		switch path.Ext(entry.Path) {
		case ".jsonnet", ".libsonnet":
			return fmt.Sprintf("%s is jsonnet, which is not run; hint: write what it makes into the repository, and place that",
				entry.Path)
		case ".tf", ".cue", ".pkl", ".dhall", ".ts", ".go":
			return fmt.Sprintf(
				"%s is a program, which is not run; hint: write what it makes into the repository, and place that", entry.Path)
		}
	}
	return "no file in " + folder + " holds a Kubernetes object"
}

// checkUnread looks for manifests that lie where builds read and are read by
// none: a file that a kustomization does not list, or that was renamed. An object
// that it held is deleted.
func (f *files) checkUnread(broken map[string]bool) {
	for _, entry := range f.tree.Files("") {
		if f.read[entry.Path] || !f.near(entry.Path) || within(broken, entry.Path) || !manifest(entry.Path) {
			continue
		}
		data, err := f.tree.ReadFile(entry.Path)
		if err != nil {
			continue
		}
		if keys := loose.KeysOf(entry.Path, data); !keys.APIVersion || !keys.Kind || ownKind(data) {
			continue
		}
		f.warn(entry.Path,
			"it holds a Kubernetes object, and no placement reads it: nothing of it is applied, and what it held "+
				"before is deleted; "+
				"hint: list it in a kustomization.yaml, or take it out")
	}
}

func manifest(file string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(path.Ext(file)))
}

var ofOwnKind = regexp.MustCompile(`(?m)apiVersion"?\s*:\s*["']?(?:` + regexp.QuoteMeta(api.Group) +
	`|kustomize\.config\.k8s\.io)/`)

// ownKind: stubs are looked at in checkLoose; a kustomization that nobody reads is
// an overlay that is not placed.
func ownKind(data []byte) bool { return ofOwnKind.Match(data) }

// near reports whether a file lies in a folder that a build reads, or below a
// placement's, and not in an overlay of its own that nobody builds.
func (f *files) near(file string) bool {
	if f.folders[path.Dir(file)] {
		return true
	}
	for folder := path.Dir(file); folder != "."; folder = path.Dir(folder) {
		if slices.ContainsFunc(slices.Collect(maps.Values(f.model.Placements)),
			func(p *api.Placement) bool {
				return slices.ContainsFunc(p.InVariants(), func(v *api.Placement) bool { return v.Spec.Path == folder })
			}) {
			return true
		}
		for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
			if f.tree.Exists(path.Join(folder, name)) {
				return false
			}
		}
	}
	return false
}

// aimed matches what selects or patches objects of a kind.
var aimed = regexp.MustCompile(`["']?kind["']?\s*:\s*["']?` +
	`(` + api.KindSealedManifest + `|` + api.KindSealedReference + `)\b`)

// checkAimed finds patches, replacements and transformers for a kind that no
// build has: stubs are built as what their template says.
func (f *files) checkAimed() {
	rest := maps.Clone(f.read)
	maps.DeleteFunc(rest, func(file string, _ bool) bool { return f.stubs[file] })
	for _, file := range slices.Sorted(maps.Keys(rest)) {
		data, err := f.tree.ReadFile(file)
		if err != nil || !aimed.Match(data) {
			continue
		}
		if api.ClaimsStub(data) && !strings.Contains(path.Base(file), "ustomization") {
			continue
		}
		for i, line := range strings.Split(string(data), "\n") {
			if at := aimed.FindStringSubmatch(line); at != nil {
				f.aimsAtNothing(file, i+1, "kind "+at[1])
			}
		}
	}
	for _, file := range slices.Sorted(maps.Keys(rest)) {
		data, err := f.tree.ReadFile(file)
		if err != nil || !bytes.Contains(data, []byte(api.Group)) {
			continue
		}
		for _, document := range (objects{f.fleet}).documents(file) {
			for _, line := range groupsAimedAt(document, "") {
				f.aimsAtNothing(file, line, "group "+api.Group)
			}
		}
	}
}

func (f *files) aimsAtNothing(file string, line int, what string) {
	f.add(Finding{File: file, Line: line, Problem: "nothing is of " + what +
		" in a build, so this matches nothing: stubs are built as what their template says, a v1 Secret; hint: " +
		"write kind: Secret"})
}

// groupsAimedAt are the lines where a selector of a kustomization or transformer
// says bulla's group. A CustomResourceDefinition says it too, and selects nothing.
func groupsAimedAt(node *yaml.Node, under string) []int {
	var lines []int
	switch node.Kind {
	case yaml.SequenceNode:
		for _, item := range node.Content {
			lines = append(lines, groupsAimedAt(item, under)...)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			selects := slices.Contains([]string{"target", "select", "reject", "source", "objref"}, under)
			group, _, _ := strings.Cut(value.Value, "/")
			if selects && (key.Value == "group" || key.Value == "apiVersion") && group == api.Group {
				lines = append(lines, key.Line)
			}
			lines = append(lines, groupsAimedAt(value, key.Value)...)
		}
	}
	return lines
}
