package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/owners"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/kustomize/reach"
)

// checkout is a folder that becomes a fleet's repository: no tree can be read of it yet.
type checkout string

// ReadFile reads a file of the repository.
func (c checkout) ReadFile(file string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(c), file))
}

// IsDir reports whether a folder is there.
func (c checkout) IsDir(folder string) bool {
	info, err := os.Stat(filepath.Join(string(c), folder))
	return err == nil && info.IsDir()
}

// codeOwners is where the forge looks for CODEOWNERS: where one is, a second would have one
// of the two ignored.
func (c checkout) codeOwners() string {
	if file := owners.Find(c); file != nil {
		return file.Path
	}
	return "CODEOWNERS"
}

// forges are those of a flag's forge, or what the repository itself says.
func (c checkout) forges(forge string) owners.Forges {
	switch forge {
	case "github", "gitlab":
		return owners.WithPatterns
	case "forgejo":
		return owners.WithExpressions
	}
	return owners.ForgesOf(c)
}

// built are the folders at the root that placements build from, as far as their files can
// be read: `bulla validate` looks at the rest.
func (c checkout) built() (folders []string) {
	root, err := os.OpenRoot(string(c))
	if err != nil {
		return nil
	}
	defer root.Close()
	_ = fs.WalkDir(root.FS(), "placements", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".yaml" {
			return nil // what cannot be read is left to validate
		}
		data, err := fs.ReadFile(root.FS(), file)
		if err != nil {
			return nil
		}
		placement, err := api.ParsePlacement(file, data)
		if err != nil {
			return nil
		}
		for _, variant := range placement.InVariants() {
			folder, _, _ := strings.Cut(variant.Spec.Path, "/")
			folders = append(folders, folder)
		}
		return nil
	})
	slices.Sort(folders)
	return slices.Compact(folders)
}

// adviseOwners says which grants nobody guards yet.
func (a *app) adviseOwners(built []string) {
	file := owners.Find(checkout(a.Repo))
	if file == nil {
		return
	}
	paths := []string{file.Path}
	for _, grant := range layout.Grants {
		granting := strings.Trim(grant.Path, "/")
		if strings.HasSuffix(grant.Path, "/") {
			granting = owners.Any(granting)
		}
		paths = append(paths, granting)
	}
	for _, folder := range built {
		paths = append(paths, owners.Any(folder))
	}
	for _, open := range owners.Open(paths, file.Own) {
		a.Warnf("%s names nobody for %s, which grants access", file.Path, open)
	}
}

// adviseBuilt says what a new placement builds from, bases too, that nobody guards: in the
// lines that `bulla validate` would want, which go by all placements together.
func (a *app) adviseBuilt(repo *fleetrepo.Repo, placement *api.Placement) {
	file := owners.Find(repo.Tree)
	if file == nil {
		return
	}
	finder := reach.In(repo.Tree)
	from := func(p *api.Placement) (files []string) {
		paths, ok := finder.Of(p)
		if !ok {
			paths = []string{p.Spec.Path}
		}
		for _, at := range paths {
			if repo.Tree.IsDir(at) {
				at = owners.Any(at)
			}
			files = append(files, at)
		}
		return files
	}
	its := from(placement)
	all := slices.Clone(its)
	for _, other := range repo.Model.Placements {
		all = append(all, from(other)...)
	}
	for _, open := range owners.Open(all, file.Own) {
		if slices.ContainsFunc(its, func(f string) bool { return strings.HasPrefix("/"+f, open) }) {
			a.Warnf("%s names nobody for %s: whoever merges there says what is granted; hint: a line for it is %q",
				file.Path, open, file.Line(open))
		}
	}
}
