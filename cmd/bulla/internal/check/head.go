package check

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/stub"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// maxBefore bounds what is read of one file of a commit, in bytes.
const maxBefore = 4 << 20

// Head is the last commit around a folder, with which the folder is compared. Nil
// knows nothing.
type Head struct {
	tree *gitobject.Tree
}

// OpenHead reads the commit that is checked out at a fleet's root; nil outside of
// Git, and before the first commit.
func OpenHead(root string) *Head {
	repo, err := git.PlainOpenWithOptions(root, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err != nil {
		return nil
	}
	head, err := repo.Head()
	if err != nil {
		return nil
	}
	commit, err := repo.CommitObject(head.Hash())
	if err != nil {
		return nil
	}
	files, err := commit.Tree()
	if err != nil {
		return nil
	}
	h := &Head{tree: files}
	if _, err := files.File(tree.FleetFile); err != nil {
		return nil // the fleet is in a folder of a larger repository
	}
	return h
}

func (h *Head) read(file string) ([]byte, bool) {
	f, err := h.tree.File(file)
	if err != nil || f.Size > maxBefore {
		return nil, false
	}
	reader, err := f.Reader()
	if err != nil {
		return nil, false
	}
	defer reader.Close()
	data, err := io.ReadAll(io.LimitReader(reader, maxBefore))
	return data, err == nil
}

// placements are those of the commit, by name.
func (h *Head) placements() map[string]*api.Placement {
	all := map[string]*api.Placement{}
	folder, err := h.tree.Tree("placements")
	if err != nil {
		return all
	}
	// What cannot be read placed nothing.
	_ = folder.Files().ForEach(func(f *gitobject.File) error {
		file := path.Join("placements", f.Name)
		if data, ok := h.read(file); ok && path.Ext(file) == ".yaml" {
			if p, err := api.ParsePlacement(file, data); err == nil && p.Metadata.Name+".yaml" == path.Base(file) {
				all[p.Metadata.Name] = p
			}
		}
		return nil
	})
	return all
}

// checkSince says what changes against the last commit that no cluster takes, or
// that takes something away.
func (c *checker) checkSince(h *Head) {
	if h == nil {
		return
	}
	for name, before := range h.placements() {
		if c.model.Placements[name] == nil && !c.unread(name) {
			c.add(Finding{Note: true, File: "placements/" + name + ".yaml", Problem: vanished(before)})
		}
	}
	for _, build := range c.builds {
		for _, o := range build.Objects {
			if o.Stub != nil && o.Object["immutable"] == true && o.GetAnnotations()[v1alpha1.ForceAnnotation] != "enabled" {
				c.checkImmutable(h, o.Stub)
			}
		}
	}
}

// unread: a file of that placement is there and counts for nothing. That is a
// finding already, and the clusters keep what it placed.
func (c *checker) unread(name string) bool {
	for _, problem := range c.model.Problems {
		if problem.Kind == api.KindPlacement && (problem.Name == name || problem.Name == "") {
			return true
		}
	}
	return false
}

func vanished(p *api.Placement) string {
	var targets []string
	for _, t := range p.Spec.Targets {
		if t.ClusterName != "" {
			targets = append(targets, "cluster/"+t.ClusterName)
		} else {
			targets = append(targets, "set/"+t.ClusterSet)
		}
	}
	from := fmt.Sprintf("%s from %s", p.Spec.Path, strings.Join(targets, ", "))
	if p.Spec.Prune != nil && !*p.Spec.Prune {
		return "it is gone since the last commit: nobody looks after " + from + " any more; it stays there, since it said prune: false"
	}
	return "it is gone since the last commit: what it places is deleted, its Secrets too: " + from
}

// checkImmutable compares a stub with what it was. The API server refuses a new
// value of an immutable Secret, each time.
func (c *checker) checkImmutable(h *Head, now *kustomize.Stub) {
	data, ok := h.read(now.Path)
	if !ok {
		return
	}
	before, err := api.ParseSealedManifest(now.Path, data)
	if err != nil || before.Metadata.Name != now.Manifest.Metadata.Name || before.Metadata.Namespace != now.Manifest.Metadata.Namespace || stub.Immutable(now.Manifest) && !stub.Immutable(before) {
		return
	}
	if changed := changedFields(before, now.Manifest); len(changed) > 0 {
		c.add(Finding{File: now.Path, Problem: fmt.Sprintf("its Secret is immutable, and since the last commit there is another %s: every cluster that has it refuses that; "+
			"hint: seal a stub with a new name, or write %s: enabled under spec.template.metadata.annotations, and it is deleted and made anew",
			strings.Join(changed, ", "), v1alpha1.ForceAnnotation)})
	}
}

// changedFields are those with another payload. New locks for the same one change
// nothing.
func changedFields(before, now *api.SealedManifest) []string {
	was, is := payloads(before), payloads(now)
	changed := map[string]bool{}
	for _, both := range []map[string]string{was, is} {
		for field := range both {
			if was[field] != is[field] {
				changed[field] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

func payloads(m *api.SealedManifest) map[string]string {
	all := map[string]string{}
	for _, block := range m.Spec.Blocks {
		for _, field := range block.Fields {
			all[field] = block.Payload
		}
	}
	return all
}
