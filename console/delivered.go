package console

import (
	"context"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// delivery is how far a change came on the clusters that it is for.
type delivery struct {
	// All clusters that it is for, Done that have it, InUse that have every secret of it in
	// use, where a workload reads it.
	All, Done, InUse int
	// Applications that it is about.
	Applications []string
	// Lacking are clusters that do not have it, at most ten, and why, where it is known.
	Lacking []string
}

// mostLacking clusters are named.
const mostLacking = 10

// affected are the placements that changed files are of: their own, and those that build
// from the folder. What is of no placement in particular, such as a Cluster file, is of
// all: nil.
func affected(s *clone.Snapshot, paths []string) []string {
	var names []string
	for _, path := range paths {
		before := len(names)
		if rest, ok := strings.CutPrefix(path, "placements/"); ok {
			names = append(names, strings.TrimSuffix(rest, ".yaml"))
		}
		for name, placement := range s.Model.Placements {
			if sameApplication(placement.Spec.Path, path) {
				names = append(names, name)
			}
		}
		if len(names) == before {
			return nil
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sameApplication says whether a file is in the application that a folder is an overlay of:
// apps/payments for apps/payments/overlays/prod.
func sameApplication(folder, file string) bool {
	parts := strings.Split(folder, "/")
	application := strings.Join(parts[:min(2, len(parts))], "/")
	return strings.HasPrefix(file, application+"/")
}

// delivered counts. has says whether a commit has another one in its history.
func delivered(
	ctx context.Context, has func(ctx context.Context, commit, earlier string) (bool, error),
	ledger *keyservicev1.ListLedgerResponse, placements []string, merged string,
) (d delivery, err error) {
	d.Applications = placements
	targets := map[string]bool{}
	for _, one := range ledger.GetPlacements() {
		if placements == nil || slices.Contains(placements, one.GetPlacement()) {
			for _, name := range one.GetClusters() {
				targets[name] = true
			}
		}
	}
	heads := map[string]bool{}
	for _, cluster := range ledger.GetClusters() {
		if !cluster.GetMember() || !targets[cluster.GetCluster()] && !holds(cluster, placements) {
			continue
		}
		d.All++
		at := cluster.GetHead()
		if _, known := heads[at]; !known {
			if heads[at], err = has(ctx, at, merged); err != nil {
				return d, err
			}
		}
		done, used := stands(cluster, placements)
		switch {
		case heads[at] && done:
			d.Done++
			if used {
				d.InUse++
			}
		case len(d.Lacking) < mostLacking:
			d.Lacking = append(d.Lacking, cluster.GetCluster())
		}
	}
	return d, nil
}

// holds says whether a cluster has something left of placements that no longer target it.
func holds(cluster *keyservicev1.LedgerCluster, placements []string) bool {
	return slices.ContainsFunc(cluster.GetSecrets(), func(s *keyservicev1.LedgerSecret) bool {
		return slices.Contains(placements, s.GetSecret().GetPlacement())
	})
}

// stands says whether a cluster has what is placed there and nothing else of placements,
// and whether all of it is in use.
func stands(cluster *keyservicev1.LedgerCluster, placements []string) (done, used bool) {
	done, used = true, true
	for _, one := range cluster.GetSecrets() {
		secret := one.GetSecret()
		if placements != nil && !slices.Contains(placements, secret.GetPlacement()) {
			continue
		}
		gone := secret.GetState() == keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED
		if one.GetPlacedDigest() == "" {
			done = done && gone
			continue
		}
		done = done && secret.GetDigest() == one.GetPlacedDigest() && !gone
		used = used && secret.GetState() == keyservicev1.SecretState_SECRET_STATE_IN_USE
	}
	return done, used && done
}
