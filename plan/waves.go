package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// WaveChange is one placement whose rollout goes in other waves.
type WaveChange struct {
	Placement string `json:"placement"`
	// Before and After are its waves in order with how many clusters each has, "" for none.
	Before string `json:"before"`
	After  string `json:"after"`
	// Files are those that say so, sorted.
	Files []string `json:"files"`
}

// waveChanges are those of placements that both sides have: a set, a label or a cluster
// that changes may change no grant, and have all clusters take a release at once.
func (d *differ) waveChanges() []WaveChange {
	changes := []WaveChange{}
	for _, name := range slices.Sorted(maps.Keys(d.head.Model.Placements)) {
		was := d.base.Model.Placements[name]
		if was == nil || was.Spec.Rollout == nil && d.head.Model.Placements[name].Spec.Rollout == nil {
			continue
		}
		before, after := d.base.Model.Waves(name), d.head.Model.Waves(name)
		if sameWaves(before, after) {
			continue
		}
		changes = append(changes, WaveChange{Placement: name, Before: waveNames(before), After: waveNames(after),
			Files: d.waveFiles(name, before, after)})
	}
	return changes
}

// sameWaves: clusters that are on both sides have the same turn. Who comes or goes is
// told as that.
func sameWaves(before, after []model.Wave) bool {
	turns := func(waves []model.Wave) map[string]string {
		all := map[string]string{}
		for i, w := range waves {
			for _, cluster := range w.Clusters {
				all[cluster] = fmt.Sprint(i, " ", w.Of())
			}
		}
		return all
	}
	was, is := turns(before), turns(after)
	for cluster, turn := range is {
		if old, both := was[cluster]; both && old != turn {
			return false
		}
	}
	return emptyWaves(before) == emptyWaves(after)
}

func emptyWaves(waves []model.Wave) string {
	var all []string
	for _, w := range waves {
		if len(w.Clusters) == 0 {
			all = append(all, w.Of())
		}
	}
	return strings.Join(all, " ")
}

// waveFiles are the placement's file and those of the sets that its waves name, where
// they differ; those of labels are told with the clusters.
func (d *differ) waveFiles(placement string, before, after []model.Wave) []string {
	keys := map[string]bool{api.KindPlacement + "/" + placement: true}
	for _, w := range slices.Concat(before, after) {
		if w.ClusterSet != "" {
			keys[api.KindClusterSet+"/"+w.ClusterSet] = true
		}
	}
	files := []string{}
	for key := range keys {
		for _, file := range []string{d.base.Model.Files[key], d.head.Model.Files[key]} {
			if file != "" && d.base.digestAt(file) != d.head.digestAt(file) {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// waveNames says which waves there are, and of how many clusters.
func waveNames(waves []model.Wave) string {
	var each []string
	for _, w := range waves {
		each = append(each, fmt.Sprintf("%s (%d)", w.Of(), len(w.Clusters)))
	}
	return strings.Join(each, ", ")
}

// meetsWaves says whether a placement's waves have not let its release through yet: by
// what is built in all variants together, as the key service goes by it, and not by the
// labels and values of one cluster.
func (d *differ) meetsWaves(placement string) bool {
	if known, ok := d.waved[placement]; ok {
		return known
	}
	before, after := d.base.releases(placement), d.head.releases(placement)
	meets := !maps.Equal(before, after) || waveNames(d.base.Model.Waves(placement)) == ""
	d.waved[placement] = meets
	return meets
}

// releases are what the clusters of a placement get, as a set.
func (r *resolving) releases(placement string) map[string]bool {
	all, seen := map[string]bool{}, map[*resolved]bool{nil: true}
	for _, cluster := range r.Model.TargetsOf(placement) {
		on := r.on(cluster)
		if seen[on] {
			continue // ten thousand shops get what one does
		}
		seen[on] = true
		if on.Placed[placement] != nil {
			all[on.Placed[placement].Release()] = true
		}
	}
	return all
}
