package rotatecmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/auditcmd"
	"github.com/bulla-dev/bulla/desk/branch"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/desk/naming"
	rotate "github.com/bulla-dev/bulla/desk/rotation"
)

// exposed replaces what a lost cluster opened.
func (r *rotation) exposed(ctx context.Context) error {
	cluster := r.options.exposed
	if err := r.checkGone(cluster); err != nil {
		return err
	}
	source, done, err := r.log.Open(r.shell)
	if err != nil {
		return err
	}
	defer done()
	// The name first: whoever mistyped it should not tidy up for nothing.
	if err := auditcmd.KnowsCluster(ctx, source, r.repo, cluster); err != nil {
		return err
	}
	git, err := r.git(ctx)
	if err != nil {
		return err
	}
	lost, err := auditcmd.Lost(ctx, r.shell, source, r.repo, cluster)
	if err != nil {
		return err
	}
	if r.shell.Missed > 0 {
		return fault.New("`bulla validate` says why; mend them first", "a stub that cannot be read may be one that %s had",
			cluster)
	}
	wanted, err := r.wanted(lost)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		r.nothing(lost)
		return r.format.Print(r.shell.Stdout, r.report, r.table())
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(wanted)) {
		if err := r.replace(ctx, file, wanted[file]); err != nil {
			return fault.WithHint(fmt.Errorf("nothing was written: %w", err), fault.Hint(err))
		}
	}
	if len(r.files) > 0 && !r.dryRun {
		if err := r.commit(ctx, git, lost); err != nil {
			return err
		}
	}
	return r.tell()
}

// checkGone wants the cluster out of the fleet.
func (r *rotation) checkGone(cluster string) error {
	note, err := rotate.CheckGone(r.repo.Model, cluster)
	if note != "" {
		r.shell.Notef("%s", note)
	}
	return err
}

// git finds out whether there can be a branch; nil is none.
func (r *rotation) git(ctx context.Context) (*branch.Tree, error) {
	git := &branch.Tree{Root: r.repo.Root, By: "rotate"}
	if !git.Is(ctx) {
		return nil, fault.New("run it in a clone with history: without one nothing says what the cluster had",
			"%s is no working tree of Git", r.repo.Root)
	}
	if err := git.CheckClean(ctx, nil); err != nil {
		return nil, err
	}
	if r.noBranch || r.dryRun {
		return nil, nil
	}
	if r.branch == "" {
		r.branch = "bulla-rotate-" + r.options.exposed + "-" + time.Now().UTC().Format("20060102-150405")
	}
	return git, git.Check(ctx, r.branch)
}

// wanted are the fields to replace, by file.
func (r *rotation) wanted(lost []exposure.Lost) (map[string][]string, error) {
	stubs, _ := exposure.Stubs(r.repo.Tree)
	wanted, err := rotate.Wanted(r.options.exposed, lost, stubs, r.unknown)
	var unknown *rotate.UnknownError
	if errors.As(err, &unknown) {
		return nil, fault.New("fetch them (git fetch --unshallow), or give --unknown to replace those too",
			"%s opened %s at commits that this clone does not have", r.options.exposed, naming.Some(unknown.Objects))
	}
	return wanted, err
}

// nothing says why there is nothing to do.
func (r *rotation) nothing(lost []exposure.Lost) {
	if len(lost) == 0 {
		r.shell.Notef("cluster %s opened nothing: there is nothing to replace", r.options.exposed)
		return
	}
	r.shell.Notef("cluster %s opened %s, and nothing in the working tree carries a value of it any more: "+
		"bulla audit who --cluster %s", r.options.exposed, plural.Of(len(lost), "version"), r.options.exposed)
}

// commit puts everything onto the branch, or into the working tree.
func (r *rotation) commit(ctx context.Context, git *branch.Tree, lost []exposure.Lost) error {
	if git == nil {
		return r.save(ctx)
	}
	names := slices.Sorted(maps.Keys(r.files))
	if err := git.CheckSame(ctx, names); err != nil {
		return err
	}
	if err := git.Begin(ctx, r.branch); err != nil {
		return err
	}
	if err := r.save(ctx); err != nil {
		return err
	}
	r.report.Branch = r.branch
	return git.Commit(ctx, names, r.message(lost))
}

// message says what the commit replaces, why, and what it does not.
func (r *rotation) message(lost []exposure.Lost) string {
	var done, left []rotate.Part
	for _, one := range r.report.Replaced {
		done = append(done, rotate.Part{File: one.File, Keys: one.keys()})
	}
	for _, one := range r.report.People {
		left = append(left, rotate.Part{File: one.File, Keys: one.keys()})
	}
	subject, body := rotate.Message(r.options.exposed, lost, done, left,
		"Written by bulla rotate. Each was opened again, with a key that is thrown away.")
	return subject + "\n\n" + body
}
