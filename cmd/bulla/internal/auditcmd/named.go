package auditcmd

import (
	"context"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
)

// isNamed refuses an object that nothing names. Without it a slip of the pen
// reads as "nobody opened it", to somebody who asks what was stolen.
func isNamed(
	ctx context.Context, source auditlog.Source, repo *fleetrepo.Repo, uses map[string][]built.Use, object string,
) error {
	var names []string
	place := "placement or stub of the working tree"
	if repo == nil {
		place = ""
	} else {
		stubs, _ := exposure.Stubs(repo.Tree) // told by who answers the question
		names = exposure.Objects(uses, stubs)
	}
	if slices.Contains(names, object) {
		return nil
	}
	if has, err := exposure.Named(ctx, source, auditlog.Filter{Object: object}); has || err != nil {
		return err
	}
	return unknownTo(place, "secret", object, names,
		"write namespace/name as clusters have it, or the path of a stub file")
}

// KnowsCluster does the same for a cluster; without a repository the log alone is asked.
func KnowsCluster(ctx context.Context, source auditlog.Source, repo *fleetrepo.Repo, cluster string) error {
	var names []string
	place := ""
	if repo != nil {
		place, names = "file in clusters/", slices.Sorted(maps.Keys(repo.Model.Clusters))
	}
	if slices.Contains(names, cluster) {
		return nil
	}
	if has, err := exposure.Named(ctx, source, auditlog.Filter{Cluster: cluster}); has || err != nil {
		return err
	}
	return unknownTo(place, "cluster", cluster, names, "`bulla cluster list` shows those of the fleet")
}

// unknownTo is the error about a name that neither the log has nor a place where
// such names stand; an empty place was not looked at.
func unknownTo(place, what, name string, names []string, hint string) error {
	if place != "" {
		place = " and no " + place
	}
	return fault.New(closest.Hint(name, names)+hint, "no entry of the audit log%s names a %s %q", place, what, name)
}
