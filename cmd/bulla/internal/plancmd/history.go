package plancmd

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/kustomize/model"
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

func (h history) Versions(ctx context.Context, commit, file string) ([]plan.Version, bool, error) {
	found, whole, err := h.clone.Versions(ctx, commit, file)
	versions := make([]plan.Version, 0, len(found))
	for _, v := range found {
		versions = append(versions, plan.Version(v))
	}
	return versions, whole, err
}
