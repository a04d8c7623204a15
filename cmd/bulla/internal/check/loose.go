package check

import (
	"errors"
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
func (c *checker) checkLoose() {
	stubs, unreadable := model.Stubs(c.tree)
	for _, u := range unreadable {
		c.unreadable(u)
	}
	if slices.ContainsFunc(c.model.Problems, func(p model.Problem) bool { return strings.HasPrefix(p.File, "placements/") }) {
		return // who knows what that one builds
	}
	for folder := range c.broken {
		if !c.tree.IsDir(folder) {
			return // nor what a folder would that is not there
		}
	}
	unbuilt := c.unbuilt()
	for _, stub := range stubs {
		if c.stubs[stub.Path] == nil && !c.deleted[stub.Path] && !within(unbuilt, stub.Path) {
			c.warn(stub.Path, "no placement builds this stub")
		}
	}
}

// unreadable tells what no command reads, once: a build that reads it said so.
func (c *checker) unreadable(u model.Unreadable) {
	if !errors.Is(u.Err, tree.ErrTooLarge) {
		c.add(FromError(u.Path, u.Err)...)
		return
	}
	for f := range c.findings {
		if f.File == u.Path && !f.Warning && !f.Note {
			return
		}
	}
	c.add(Finding{File: u.Path, Problem: "file is too large (over 4 MiB) to say whether it is a stub; " +
		"hint: keep data out of files that end in " + path.Ext(u.Path)})
}

func (c *checker) inBroken(file string) bool { return within(c.broken, file) }

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
func (c *checker) unbuilt() map[string]bool {
	found := map[string]bool{}
	var next []string
	add := func(folder string) {
		if !found[folder] && c.tree.IsDir(folder) {
			found[folder] = true
			next = append(next, folder)
		}
	}
	for folder := range c.broken {
		add(folder)
	}
	for len(next) > 0 {
		folder := next[0]
		next = next[1:]
		for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
			data, err := c.tree.ReadFile(path.Join(folder, name))
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
