package diffcmd

import (
	"strings"

	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// warnBehind says when this tree lacks what the cluster has already: all of that is shown as
// going, and a merge would keep it. Outside of Git, and before the first commit, there is
// nothing to hold against the cluster's.
func (d *differ) warnBehind() {
	_, commit, _ := strings.Cut(d.sync.Status.Head, "@sha1:")
	clone, err := git.OpenClone(d.repo.Root, git.Limits{})
	if err != nil || commit == "" {
		return
	}
	head, err := clone.Resolve("HEAD")
	if err != nil || clone.Descends(head, commit) {
		return
	}
	if _, err := clone.Resolve(commit); err != nil {
		d.shell.Warnf("%s is at %s, which this clone does not have: what came with it may be shown as going; hint: git "+
			"fetch, then git merge what it brought", d.sync.Spec.ClusterName, d.sync.Status.Head)
		return
	}
	d.shell.Warnf("%s is at %s, which HEAD does not come after: what came with it is shown as going; hint: git merge %s",
		d.sync.Spec.ClusterName, d.sync.Status.Head, commit)
}
