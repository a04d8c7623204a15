package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Head is the last commit around a folder, with which the folder is compared. Nil
// knows nothing.
type Head struct {
	tree   *tree.Tree
	commit string
	clone  *git.Clone
	// looked is a revision that somebody looked at; "" for none.
	looked string
}

// OpenHead reads the commit that is checked out at a fleet's root; nil outside of
// Git, before the first commit, and for a fleet in a folder of a larger repository. looked is
// a revision that somebody else looked at, where the last commits are a stranger's.
func OpenHead(root, looked string) *Head {
	clone, err := git.OpenClone(root, git.Limits{})
	if err != nil {
		return nil
	}
	head, err := clone.Resolve("HEAD")
	if err != nil {
		return nil
	}
	files, err := clone.Tree(head)
	if err != nil || !files.Exists(tree.FleetFile) {
		return nil
	}
	return &Head{tree: files, commit: head, clone: clone, looked: looked}
}

// reviewed is the commit whose history says which values are older than the fleet's keys: the
// revision that was looked at, or where this branch left the default branch. A branch could
// have other keys for one commit, and a value of today would be older than they are. own: there
// is nothing but the branch's own history.
func (h *Head) reviewed() (commit string, own bool) {
	if h.looked != "" {
		commit, err := h.clone.Resolve(h.looked)
		return commit, err != nil
	}
	ref, tip := h.clone.DefaultBranch()
	if ref == "" || ref == "refs/heads/"+h.clone.Head() {
		return h.commit, true
	}
	switch base, err := h.clone.MergeBase(h.commit, tip); {
	case err == nil:
		return base, false
	case errors.Is(err, git.ErrUnrelated):
		return tip, false
	}
	return h.commit, true
}

func (h *Head) read(file string) ([]byte, bool) {
	data, err := h.tree.ReadFile(file)
	return data, err == nil
}

// since is what changed against the last commit.
type since struct {
	*fleet
	head   *Head
	builds []*kustomize.Build
}

// check says what changes against the last commit that no cluster takes, or
// that takes something away.
func (s since) check() {
	if s.head == nil {
		return
	}
	last, err := model.Load(s.head.tree)
	if err != nil {
		s.add(Finding{Note: true, File: tree.FleetFile, Problem: fmt.Sprintf("the last commit's cannot be read, so that "+
			"nobody can tell which placements are gone since: %v", err)})
		last = &model.Model{}
	}
	for name, placement := range last.Placements {
		if s.model.Placements[name] == nil && !s.unread(name) {
			s.add(Finding{Note: true, File: last.Files[api.KindPlacement+"/"+name], Problem: s.vanished(placement)})
		}
	}
	s.checkConsents()
	for _, build := range s.builds {
		for _, o := range build.Objects {
			force := s.model.Placements[build.Placement].Spec.Force
			if o.Stub != nil && o.Object["immutable"] == true && !v1alpha1.MayReplace(o, force) {
				s.checkImmutable(o.Stub)
			}
		}
	}
}

// unread: a file of that placement is there and counts for nothing. That is a
// finding already, and the clusters keep what it placed.
func (s since) unread(name string) bool {
	for _, problem := range s.model.Problems {
		if problem.Kind == api.KindPlacement && (problem.Name == name || problem.Name == "") {
			return true
		}
	}
	return false
}

func (s since) vanished(p *api.Placement) string {
	var targets []string
	for _, t := range p.Spec.Targets {
		if t.ClusterName != "" {
			targets = append(targets, "cluster/"+t.ClusterName)
		} else {
			targets = append(targets, "set/"+t.ClusterSet)
		}
	}
	from := fmt.Sprintf("%s from %s", p.Spec.Path, strings.Join(targets, ", "))
	if p.Spec.DeletionPolicy.Orphans(p.Spec.PruneEnabled()) {
		said := "prune: false"
		if p.Spec.DeletionPolicy == api.DeletionOrphan {
			said = "deletionPolicy: Orphan"
		}
		return "it is gone since the last commit: nobody looks after " + from +
			" any more; it stays there, since it said " + said + ", but its Secrets are deleted"
	}
	if heirs := s.heirs(p); len(heirs) > 0 {
		return "it is gone since the last commit: what it places stays where placement " + strings.Join(heirs, ", ") +
			" makes the same object, and is deleted where not, its Secrets too: " + from
	}
	return "it is gone since the last commit: what it places is deleted, its Secrets too: " + from
}

// heirs are placements of the same folder in the same namespaces: one that was
// renamed, and took its objects along.
func (s since) heirs(gone *api.Placement) []string {
	var heirs []string
	for name, p := range s.model.Placements {
		shares := func(namespace string) bool { return slices.Contains(p.Spec.AllNamespaces(), namespace) }
		if p.Spec.Path == gone.Spec.Path && slices.ContainsFunc(gone.Spec.AllNamespaces(), shares) {
			heirs = append(heirs, name)
		}
	}
	slices.Sort(heirs)
	return heirs
}

// checkImmutable compares a stub with what it was. The API server refuses a new
// value of an immutable Secret, each time.
func (s since) checkImmutable(now *kustomize.Stub) {
	data, ok := s.head.read(now.Path)
	if !ok {
		return
	}
	before, err := built.ParseStub(now.Path, data)
	if err != nil || before.Manifest.Metadata.Name != now.Manifest.Metadata.Name ||
		before.Manifest.Metadata.Namespace != now.Manifest.Metadata.Namespace ||
		stub.Immutable(now.Manifest) && !stub.Immutable(before.Manifest) {
		return
	}
	// New locks for the same values change nothing, nor does another place for them.
	changed := reference.Changed(s.model.Fleet.Spec.ID,
		reference.Sealed{Stub: before.Manifest, Reference: before.Reference},
		reference.Sealed{Stub: now.Manifest, Reference: now.Reference})
	if len(changed) > 0 {
		s.add(Finding{File: now.Path,
			Problem: fmt.Sprintf(
				"its Secret is immutable, and since the last commit there is another %s: every cluster that has it refuses that; "+
					"hint: seal a stub with a new name, or write %s: enabled under spec.template.metadata.annotations (or "+
					"force: true in the placement), and it is deleted and made anew",
				strings.Join(changed, ", "), v1alpha1.ForceAnnotation)})
	}
}
