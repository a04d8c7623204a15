package importcmd

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/branch"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/sealing"
)

// options are the flags that every source has.
type options struct {
	placement, folder    string
	sets                 []string
	allowEmpty, asIs     bool
	takeOver             bool
	branch               string
	noBranch, allowDirty bool
	dryRun               bool
	// namespace of Secrets that say none.
	namespace string
}

func (o *options) flags(s *shell.Shell, cmd *cobra.Command, takeOver bool) {
	f := cmd.Flags()
	f.StringVar(&o.placement, "for", "", "`placement` that builds the stubs")
	f.StringVar(&o.folder, "dir", "", "`folder` to write the stubs into (default: that of the placement)")
	f.StringSliceVar(&o.sets, "set", nil, "cluster `set` to lock to (default: those of the placement); may be repeated")
	f.BoolVar(&o.allowEmpty, "allow-empty", false, "seal empty values too")
	f.BoolVar(&o.asIs, "as-is", false, "seal values that look like placeholders of other tools")
	f.BoolVar(&o.takeOver, "take-over", takeOver,
		"let the controller take over live Secrets of the same names, which keep their uid")
	f.StringVar(&o.branch, "branch", "", "`name` of the branch to make (default: bulla-import- and what, and when)")
	f.BoolVar(&o.noBranch, "no-branch", false, "make no branch and no commit: write into the working tree")
	f.BoolVar(&o.allowDirty, "allow-dirty", false, "go on though the working tree has local changes")
	f.BoolVar(&o.dryRun, "dry-run", false, "seal and verify in memory, say what would come, and write nothing")
	s.CompleteFlags(cmd)
}

// names adds the flag of what says no namespace itself.
func (o *options) names(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "",
		"`namespace` of what says none (default: that of the placement)")
}

// begin opens the repository, and refuses what can be refused before a value is read.
func (o options) begin(ctx context.Context, s *shell.Shell, from source) (*importing, error) {
	if o.noBranch && o.branch != "" {
		return nil, fault.NewUsage("give one of the two", "--branch and --no-branch exclude one another")
	}
	if o.placement == "" && o.folder == "" {
		return nil, fault.NewUsage("give --for PLACEMENT, or --dir FOLDER", "nothing says where the stubs go")
	}
	repo, err := s.OpenVerified()
	if err != nil {
		return nil, err
	}
	i := &importing{
		options: o, shell: s, repo: repo, builder: shell.Builder(repo.Root), from: from,
		tree: repo.Tree, files: map[string][]byte{},
	}
	if i.folder, err = o.where(repo); err != nil {
		return nil, err
	}
	i.whom = sealjob.Whom{Placement: o.placement, SetsOnly: true}
	for _, name := range o.sets {
		i.whom.Targets = append(i.whom.Targets, sealing.Target{Kind: sealing.Set, Name: name})
		if _, ok := repo.Model.Sets[name]; !ok {
			return nil, naming.Unknown(repo.Model, api.KindClusterSet, name, "`bulla cluster set` makes one, by labels")
		}
	}
	return i, i.checkGit(ctx)
}

// where is the folder of the stubs, as the repository has it.
func (o options) where(repo *fleetrepo.Repo) (string, error) {
	placement, ok := repo.Model.Placements[o.placement]
	if o.placement != "" && !ok {
		return "", naming.Unknown(repo.Model, api.KindPlacement, o.placement, "`bulla place` makes one")
	}
	if o.folder == "" {
		return placement.Spec.Path, nil
	}
	rel, err := repo.Rel(o.folder)
	if err != nil {
		return "", err
	}
	switch top, _, _ := strings.Cut(rel, "/"); top {
	case "clusters", "clustersets", "placements", ".":
		return "", fault.NewUsage("name a folder beside the application, such as apps/payments",
			"%s is no place for stubs", rel)
	}
	return path.Clean(rel), nil
}

// checkGit finds out whether there can be a branch.
func (i *importing) checkGit(ctx context.Context) error {
	git := branch.Tree{
		Root: i.repo.Root, By: "import", OrElse: ", or add --allow-dirty: only what import writes is committed then",
	}
	if i.noBranch || i.dryRun {
		return nil
	}
	if !git.Is(ctx) {
		if i.branch != "" {
			return fault.NewUsage("leave --branch out", "%s is no working tree of Git", i.repo.Root)
		}
		i.shell.Notef("%s is no working tree of Git: no branch is made", i.repo.Root)
		return nil
	}
	if i.branch == "" {
		i.branch = "bulla-import-" + i.from.kind + "-" + time.Now().UTC().Format("20060102-150405")
	}
	if err := git.Check(ctx, i.branch); err != nil {
		return err
	}
	if i.git = &git; i.allowDirty {
		return nil
	}
	var sources []string
	for _, file := range i.from.paths {
		if abs, err := filepath.Abs(file); err == nil {
			sources = append(sources, abs)
		}
	}
	return git.CheckClean(ctx, sources)
}
