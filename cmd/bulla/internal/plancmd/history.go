package plancmd

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/plan"
)

// history is the clone's, for a plan.
type history struct {
	*repository

	loader *model.Loader
	now    time.Time
}

func (h history) Follows(commit, other string) bool { return h.clone.Descends(commit, other) }

func (h history) Side(commit string) (*plan.Side, error) {
	return h.side(plan.Revision{Name: commit, Commit: commit}, h.loader, h.now)
}

func (h history) Versions(ctx context.Context, commit string, files []string, each func(string, plan.Version)) (
	lacking map[string]bool, err error,
) {
	return h.clone.Versions(ctx, commit, files, func(file string, v git.Version) { each(file, plan.Version(v)) })
}
