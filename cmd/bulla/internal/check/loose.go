package check

import (
	"errors"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// checkLoose looks at stubs that no placement builds: a person who seals wants
// them somewhere. Where a placement fails to build, or its file cannot be read,
// that is the finding.
func (s *stubs) checkLoose(broken map[string]bool) {
	built := maps.Clone(s.deleted)
	if built == nil {
		built = map[string]bool{}
	}
	for file := range s.uses {
		built[file] = true
	}
	all, unreadable := model.StubsBut(s.tree, built)
	for _, u := range unreadable {
		s.unreadable(u)
	}
	for _, stub := range all {
		s.recipes(stub.Path, stub.Manifest, stub.SealedKeys())
		s.looseRecovery(stub.Path, stub.Manifest)
	}
	ofPlacement := func(p model.Problem) bool { return strings.HasPrefix(p.File, "placements/") }
	if slices.ContainsFunc(s.model.Problems, ofPlacement) {
		return // who knows what that one builds
	}
	for folder := range broken {
		if !s.tree.IsDir(folder) {
			return // nor what a folder would that is not there
		}
	}
	unbuilt := s.unbuilt(broken)
	for _, stub := range all {
		if !within(unbuilt, stub.Path) {
			s.warn(stub.Path, "no placement builds this stub")
		}
	}
}

// unreadable tells what no command reads, once: a build that reads it said so.
func (s *stubs) unreadable(u model.Unreadable) {
	if !errors.Is(u.Err, tree.ErrTooLarge) {
		s.add(fromError(u.Path, u.Err)...)
		return
	}
	for f := range s.findings {
		if f.File == u.Path && !f.Warning && !f.Note {
			return
		}
	}
	s.add(Finding{File: u.Path, Problem: "file is too large (over 4 MiB) to say whether it is a stub; " +
		"hint: keep data out of files that end in " + path.Ext(u.Path)})
}

func within(folders map[string]bool, file string) bool {
	for folder := range folders {
		if strings.HasPrefix(file, folder+"/") {
			return true
		}
	}
	return false
}

// word is what may be a path in a kustomization.
var word = regexp.MustCompile(`[^\s"'\[\]{},:]+`)

// unbuilt are the folders of placements that do not build, with bases and
// components that their kustomizations name. It reads words, not YAML: those files
// may be what is broken.
func (s *stubs) unbuilt(broken map[string]bool) map[string]bool {
	found := map[string]bool{}
	var next []string
	add := func(folder string) {
		if !found[folder] && s.tree.IsDir(folder) {
			found[folder] = true
			next = append(next, folder)
		}
	}
	for folder := range broken {
		add(folder)
	}
	for len(next) > 0 {
		folder := next[0]
		next = next[1:]
		for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
			data, err := s.tree.ReadFile(path.Join(folder, name))
			if err != nil {
				continue
			}
			for _, w := range word.FindAllString(string(data), -1) {
				if strings.Trim(w, "./") != "" {
					add(path.Join(folder, w))
				}
			}
		}
	}
	return found
}
