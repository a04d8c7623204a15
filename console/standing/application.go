package standing

import (
	"maps"
	"slices"
	"strings"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Application is one placement, as a person asks about it.
type Application struct {
	Name string
	// Placement is what Git says; nil where Git does not have it any more, and a cluster
	// still does.
	Placement *api.Placement
	// File of the placement.
	File string
	// Broken says why it does not build, as the key service found.
	Broken   string
	Targets  []Target
	Variants []Variant
	// States are the clusters that it is on, by state, the worst first.
	States []Standing
	// Waves are those that Git has, with how many clusters each has now.
	Waves []Wave
	// Open says whether changes may begin to arrive now, Opens when they next may.
	Open  bool
	Opens time.Time
}

// Target is whom a placement names.
type Target struct {
	// Text is set/NAME or cluster/NAME.
	Text     string
	Clusters int
	// Missing: Git has nobody of that name.
	Missing bool
	// Ends is when it leaves by itself; zero for never. Ended: it did.
	Ends  time.Time
	Ended bool
}

// Variant is what differs for some clusters.
type Variant struct {
	Name, For, Path string
	Clusters        int
}

// Wave is one of Git's.
type Wave struct {
	Name     string
	Clusters int
	Pause    time.Duration
}

// Standing is how many clusters are in a state, and which.
type Standing struct {
	State    State
	Clusters Fold
}

// Application is the one of that name; false where nobody heard of it.
func (f *Fleet) Application(name string) (*Application, bool) {
	row, known := f.application[name]
	if !known {
		return nil, false
	}
	a := &Application{Name: name, Placement: f.Model.Placements[name], File: f.Model.Files["Placement/"+name]}
	by := map[State]Fold{}
	for i, cluster := range f.clusters {
		if s := *f.at(row, i); s != None {
			by[s] = by[s].add(cluster)
		}
	}
	for _, s := range slices.Backward(slices.Sorted(maps.Keys(by))) {
		a.States = append(a.States, Standing{s, by[s]})
	}
	if f.Status != nil {
		for i := range f.Status.Placements {
			if p := &f.Status.Placements[i]; p.Name == name {
				a.Broken = p.Broken
			}
		}
	}
	if a.Placement != nil {
		f.ofPlacement(a)
	}
	return a, true
}

func (f *Fleet) ofPlacement(a *Application) {
	spec := a.Placement.Spec
	a.Open, a.Opens = spec.OpenAt(f.Model.Now())
	for _, t := range spec.Targets {
		target := Target{Text: "cluster/" + t.ClusterName, Clusters: 1, Missing: f.Model.Clusters[t.ClusterName] == nil,
			Ended: t.EndedAt(f.Model.Now())}
		if t.ClusterSet != "" {
			target.Text, target.Clusters = "set/"+t.ClusterSet, f.sizes()[t.ClusterSet]
			target.Missing = f.Model.Sets[t.ClusterSet] == nil
		}
		target.Ends, _ = t.Ends()
		a.Targets = append(a.Targets, target)
	}
	for _, v := range spec.Variants {
		of := Variant{Name: v.Name, Path: v.Path, Clusters: len(f.Model.Got(a.Name, v.Name)), For: "clusters with the labels"}
		switch {
		case v.ClusterName != "":
			of.For = "cluster/" + v.ClusterName
		case v.ClusterSet != "":
			of.For = "set/" + v.ClusterSet
		case v.Selector != nil:
			for _, key := range slices.Sorted(maps.Keys(v.Selector.MatchLabels)) {
				of.For += " " + key + "=" + v.Selector.MatchLabels[key]
			}
			if len(v.Selector.MatchExpressions) > 0 {
				of.For += " …"
			}
		}
		a.Variants = append(a.Variants, of)
	}
	for _, w := range f.Model.Waves(a.Name) {
		pause := spec.Rollout.PauseAfter(w.RolloutWave)
		a.Waves = append(a.Waves, Wave{Name: w.String(), Clusters: len(w.Clusters), Pause: pause})
	}
}

// Paths are the folders and the file whose commits change an application.
func (a *Application) Paths() []string {
	if a.Placement == nil {
		return nil
	}
	paths := []string{a.File, a.Placement.Spec.Path}
	for _, v := range a.Placement.Spec.Variants {
		if v.Path != "" && !slices.Contains(paths, v.Path) {
			paths = append(paths, v.Path)
		}
	}
	return slices.DeleteFunc(paths, func(p string) bool { return strings.Trim(p, "./") == "" })
}
