// Package standing is what pages show of a fleet: where each application and each secret
// stands on each cluster, and what is wrong. It is made of plain structs, from a commit of
// Git and an answer of the key service, and asks nobody.
//
// What Git says is what is wanted; what stands is each cluster's own word, as the key
// service has it. Where nobody said, that is what is shown: a state is never guessed from
// what Git wants.
package standing

import (
	"maps"
	"slices"
	"sync"

	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// Fleet is one commit and one answer of the key service, indexed. It is made once for both,
// is read-only, and safe for concurrent use.
type Fleet struct {
	Model *model.Model
	// Status is nil where the key service was not asked: then Git alone is known.
	Status *ledger.Status

	applications, clusters []string // sorted
	application, cluster   map[string]int
	// cells has a row for each cluster.
	cells []State
	// sets are those that each cluster is in, with "\n" between.
	sets []string
	// said is the ledger's part of each cluster; nil for none.
	said []*ledger.Cluster

	sized    sync.Once
	sizeOf   map[string]int
	problems func() []Problem
}

// New indexes them.
func New(m *model.Model, status *ledger.Status) *Fleet {
	f := &Fleet{Model: m, Status: status, application: map[string]int{}, cluster: map[string]int{}}
	f.name()
	f.cells = make([]State, len(f.clusters)*len(f.applications))
	f.placeModel()
	f.placeLedger()
	f.problems = sync.OnceValue(f.findProblems)
	return f
}

// name gives numbers to all that Git has, and to all that the key service heard of.
func (f *Fleet) name() {
	applications, clusters := map[string]bool{}, map[string]bool{}
	for name := range f.Model.Placements {
		applications[name] = true
	}
	for name := range f.Model.Clusters {
		clusters[name] = true
	}
	if f.Status != nil {
		for i := range f.Status.Clusters {
			c := &f.Status.Clusters[i]
			if c.Standing != ledger.Left || len(c.Deliveries)+len(c.Secrets) > 0 {
				clusters[c.Name] = true
			}
			last := "" // most come in the order of placements
			for j := range c.Deliveries {
				applications[c.Deliveries[j].Placement] = true
			}
			for j := range c.Secrets {
				if of := c.Secrets[j].Placement; of != last {
					applications[of], last = true, of
				}
			}
		}
		for i := range f.Status.Placements {
			applications[f.Status.Placements[i].Name] = true
		}
	}
	delete(applications, "")
	f.applications, f.clusters = slices.Sorted(maps.Keys(applications)), slices.Sorted(maps.Keys(clusters))
	for i, name := range f.applications {
		f.application[name] = i
	}
	for i, name := range f.clusters {
		f.cluster[name] = i
	}
	f.sets, f.said = make([]string, len(f.clusters)), make([]*ledger.Cluster, len(f.clusters))
}

// at is a cell. Both must be known.
func (f *Fleet) at(application, cluster int) *State {
	return &f.cells[cluster*len(f.applications)+application]
}

func (f *Fleet) column(cluster int) []State {
	return f.cells[cluster*len(f.applications) : (cluster+1)*len(f.applications)]
}

// placeModel enters what Git places.
func (f *Fleet) placeModel() {
	members := map[string][]int{}
	for _, set := range slices.Sorted(maps.Keys(f.Model.Sets)) {
		for _, name := range f.Model.Members(set) {
			i := f.cluster[name]
			if members[set] = append(members[set], i); f.sets[i] != "" {
				f.sets[i] += "\n"
			}
			f.sets[i] += set
		}
	}
	for name, p := range f.Model.Placements {
		row := f.application[name]
		for _, target := range p.Spec.Targets {
			if target.EndedAt(f.Model.Now()) {
				continue
			}
			on := members[target.ClusterSet]
			if i, known := f.cluster[target.ClusterName]; known {
				on = []int{i}
			}
			for _, i := range on {
				if c := f.Model.Clusters[f.clusters[i]]; c != nil && !c.Spec.Decommission {
					*f.at(row, i) = Configured
				}
			}
		}
	}
}

// Applications and Clusters are all names, sorted.
func (f *Fleet) Applications() []string { return f.applications }

// Clusters are all names, sorted.
func (f *Fleet) Clusters() []string { return f.clusters }

// State is where an application stands on a cluster; [None] for names that are not known.
func (f *Fleet) State(application, cluster string) State {
	i, known := f.application[application]
	j, here := f.cluster[cluster]
	if !known || !here {
		return None
	}
	return *f.at(i, j)
}
