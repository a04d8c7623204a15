package sealjob

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Listed is the kustomization that a new stub's file goes into, with the file under its
// resources: the nearest above it, up to the folder that a placement builds. It is nil
// where nothing changes: there is none, and a folder without one is built whole; or one
// anywhere lists the file already.
func Listed(m *model.Model, t *tree.Tree, stub string) (map[string][]byte, error) {
	at, base := nearest(m, t, stub)
	if at == "" || isListed(t, stub) {
		return nil, nil
	}
	data, err := t.ReadFile(at)
	if err != nil {
		return nil, err
	}
	edited, err := yamltext.AppendText(data, base, "resources")
	if err == nil && !slices.Equal(resources(edited), append(resources(data), base)) {
		err = yamltext.ErrShape // such as a name that YAML wants in quotes
	}
	switch {
	case errors.Is(err, yamltext.ErrShape):
		return nil, fault.New("list "+base+" under resources there yourself first", "edit %s: %w", at, err)
	case err != nil:
		return nil, fault.New("mend that file first; `bulla validate` says where", "edit %s: %w", at, err)
	}
	return map[string][]byte{at: edited}, nil
}

// nearest is the kustomization above a file, and the file as that one names it. No folder
// above one that a placement builds is looked into: what lists that has all of it.
func nearest(m *model.Model, t *tree.Tree, file string) (at, base string) {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		for _, name := range konfig.RecognizedKustomizationFileNames() {
			if at := path.Join(dir, name); t.Exists(at) {
				return at, strings.TrimPrefix(file, dir+"/") // "." has no such beginning
			}
		}
		if dir == "." || isBuilt(m, dir) {
			return "", ""
		}
	}
}

func isBuilt(m *model.Model, folder string) bool {
	for _, p := range m.Placements {
		for _, variant := range p.InVariants() {
			if variant.Spec.Path == folder {
				return true
			}
		}
	}
	return false
}

// isListed reports whether any kustomization names the file: one beside may do so by ../,
// and an object that stands twice in a build is refused.
func isListed(t *tree.Tree, file string) bool {
	found := false
	t.Walk("", func(at string, n *tree.Node) {
		if found || n.Kind != tree.File || !slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(at)) {
			return
		}
		data, err := t.ReadFile(at)
		if err == nil && bytes.Contains(data, []byte(path.Base(file))) {
			found = lists(at, data, file)
		}
	})
	return found
}

// lists reports whether a kustomization names a file under resources.
func lists(at string, data []byte, file string) bool {
	return slices.ContainsFunc(resources(data), func(name string) bool { return path.Join(path.Dir(at), name) == file })
}

// resources are those of a kustomization; none of one that cannot be read.
func resources(data []byte) []string {
	var k struct{ Resources []string }
	if yaml.Unmarshal(data, &k) != nil {
		return nil
	}
	return k.Resources
}

// listHint says what is missing for a placement to build a stub: its line, which a new
// one gets by itself, or that of the folder that it is in.
func (s search) listHint() string {
	file := s.where.File
	folder := s.Repo.Model.Placements[s.placement].Spec.Path
	for _, p := range s.Repo.Model.Placements[s.placement].InVariants() {
		if strings.HasPrefix(file, p.Spec.Path+"/") {
			folder = p.Spec.Path
		}
	}
	below := strings.HasPrefix(file, strings.TrimSuffix(folder, "/")+"/")
	at, base := nearest(s.Repo.Model, s.Repo.Tree, file)
	dir := path.Dir(at)
	switch {
	case at != "" && !s.willList(at) && below:
		return fmt.Sprintf("list %s under resources of %s first", base, at)
	case at != "" && !s.willList(at) && dir != ".": // as a base has one, which an overlay there builds
		return fmt.Sprintf("list %s under resources of %s first, which %s is to build", base, at, folder)
	case at != "" && dir != "." && dir != folder:
		return fmt.Sprintf("have %s build %s: list that folder under resources of the kustomization there", folder, dir)
	case !below:
		return fmt.Sprintf("put the file below %s, or list it under resources of the kustomization there", folder)
	}
	return fmt.Sprintf("list it under resources of a kustomization that %s builds", folder)
}

// willList reports whether a kustomization lists the stub once it is written.
func (s search) willList(at string) bool {
	if _, gets := s.where.Also[at]; gets {
		return true
	}
	data, err := s.Repo.Tree.ReadFile(at)
	return err == nil && lists(at, data, s.where.File)
}
