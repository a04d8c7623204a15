package model

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Model is the fleet written in one tree. It is read-only.
type Model struct {
	Fleet      *api.Fleet
	Clusters   map[string]*api.Cluster
	Sets       map[string]*api.ClusterSet
	Placements map[string]*api.Placement
	// Files gives, for "Kind/name", the file that declared it.
	Files map[string]string
	// Problems are the files that count for nothing, sorted by file.
	Problems []Problem

	// now is the time that the model is read at, see [Model.At].
	now time.Time
}

// Problem is a file that cannot be used. It grants nothing and blocks no other.
type Problem struct {
	File string
	// Kind is the kind that the file's folder is for.
	Kind string
	// Name is the name that the file's base name says.
	Name string
	// Field is the one at fault, where the file itself can be read; "" where it cannot.
	Field string
	Err   error
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %v", p.File, p.Err) }

type folder struct{ path, kind string }

// folders of a fleet repository and the kind that each is for.
var folders = []folder{
	{tree.Clusters, api.KindCluster},
	{tree.ClusterSets, api.KindClusterSet},
	{tree.Placements, api.KindPlacement},
}

// Loader reads the models of one repository's commits, one after another. What did
// not change from one to the next is not parsed again. The zero value is ready; it is
// safe for concurrent use.
type Loader struct{ parsed parseCache }

// Load reads one model: see [Loader.Load].
func Load(t *tree.Tree) (*Model, error) { return new(Loader).Load(t) }

// Load reads the fleet. The error is about fleet.yaml only; a bad other
// file is a [Problem].
func (l *Loader) Load(t *tree.Tree) (*Model, error) {
	data, err := t.ReadFile(tree.FleetFile)
	if err != nil {
		return nil, fmt.Errorf("load fleet: %w", err)
	}
	fleet, err := api.ParseFleet(tree.FleetFile, data)
	if err != nil {
		return nil, fmt.Errorf("load fleet: %w", err)
	}
	if err := signing.Check(data, fleet); err != nil {
		return nil, fmt.Errorf("load fleet: %w", err)
	}
	m := &Model{
		Fleet:      fleet,
		Clusters:   map[string]*api.Cluster{},
		Sets:       map[string]*api.ClusterSet{},
		Placements: map[string]*api.Placement{},
		Files:      map[string]string{},
	}
	parsed := l.parsed.begin()
	for _, folder := range folders {
		m.loadFolder(t, parsed, folder.path, folder.kind)
	}
	l.parsed.end(parsed)
	m.checkTargets()
	slices.SortFunc(m.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Kind, b.Kind))
	})
	return m, nil
}

// loadFolder reads every file of a folder. Files come sorted, so which of two
// files of one name is blamed does not depend on chance: both are.
func (m *Model) loadFolder(t *tree.Tree, parsed *parsing, folder, kind string) {
	byName := map[string][]string{}
	t.Walk(folder, func(file string, n *tree.Node) {
		if n.Kind == tree.Folder {
			m.flaw(n, file, kind)
			return
		}
		name, problem := baseName(file)
		if n.Kind != tree.File {
			problem = "is a link, a submodule or of no known mode"
		}
		if problem == "" && file == folder {
			problem = "is a file where a folder belongs"
		}
		if problem != "" {
			m.problem(file, kind, name, errors.New(problem))
			return
		}
		if name != "" {
			byName[name] = append(byName[name], file)
		}
	})
	if n, err := t.Find(folder); err != nil {
		m.problem(folder, kind, "", err)
	} else if n != nil {
		m.flaw(n, folder, kind)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		files := byName[name]
		if len(files) > 1 {
			for _, file := range files {
				m.problem(file, kind, name, fmt.Errorf("name %q stands in more than one file: %s", name, strings.Join(files, ", ")))
			}
			continue
		}
		m.loadFile(t, parsed, files[0], kind, name)
	}
}

// flaw reports what of a folder cannot be told. It counts for a file of the
// folder's kind, and blocks no other one.
func (m *Model) flaw(n *tree.Node, folder, kind string) {
	if n.Kind != tree.Folder {
		return
	}
	for _, err := range n.Dir.Flaw(folder).All() {
		m.problem(err.Path, kind, "", errors.New(err.Problem))
	}
}

// baseName takes the name of an object from its file's. Both are empty for a
// file that is no object (a README beside them).
func baseName(file string) (name, problem string) {
	base := path.Base(file)
	if name, ok := strings.CutSuffix(base, ".yaml"); ok {
		return name, ""
	}
	for _, other := range []string{".yml", ".json"} {
		if name, ok := strings.CutSuffix(strings.ToLower(base), other); ok {
			return name, "hint: name it " + strings.TrimSuffix(base, path.Ext(base)) + ".yaml"
		}
	}
	if strings.HasSuffix(strings.ToLower(base), ".yaml") {
		return base, "hint: the ending is .yaml, in lower case"
	}
	return "", ""
}

func (m *Model) loadFile(t *tree.Tree, parsed *parsing, file, kind, name string) {
	object, err := parsed.parse(t, file, kind)
	if err != nil {
		m.problem(file, kind, name, err)
		return
	}
	declared := ""
	switch o := object.(type) {
	case *api.Cluster:
		declared = o.Metadata.Name
		if declared == name {
			m.Clusters[name] = o
		}
	case *api.ClusterSet:
		declared = o.Metadata.Name
		if declared == name {
			m.Sets[name] = o
		}
	case *api.Placement:
		declared = o.Metadata.Name
		if declared == name {
			m.Placements[name] = o
		}
	}
	if declared != name {
		m.problem(file, kind, name, fmt.Errorf("metadata.name is %q, the file's name says %q", declared, name))
		return
	}
	m.Files[kind+"/"+name] = file
}

// checkTargets reports targets and variants that name no set. A cluster may have left
// the fleet; a set that is not there is a different matter: removing its file is
// not consent to remove what it placed, see kustomize.Resolution.
func (m *Model) checkTargets() {
	for _, name := range slices.Sorted(maps.Keys(m.Placements)) {
		spec := m.Placements[name].Spec
		for i, target := range spec.Targets {
			m.checkSet(name, target.ClusterSet, "targets", fmt.Sprintf("spec.targets[%d].clusterSet", i))
		}
		for i, v := range spec.Variants {
			m.checkSet(name, v.ClusterSet, fmt.Sprintf("in its variant %q selects", v.Name),
				fmt.Sprintf("spec.variants[%d].clusterSet", i))
		}
	}
}

func (m *Model) checkSet(placement, set, does, field string) {
	// A file that was refused is a problem of its own, and the cause of this one.
	if set != "" && m.Sets[set] == nil && m.Refused(api.KindClusterSet, set) == nil {
		m.Problems = append(m.Problems, Problem{
			File: m.Files[api.KindPlacement+"/"+placement], Kind: api.KindClusterSet, Name: set, Field: field,
			Err: fmt.Errorf("placement %q %s cluster set %q, which does not exist", placement, does, set),
		})
	}
}

// Refused is what is wrong with the files that say they are this object, with their
// names; nil when none does, or nothing is wrong. So "it is not there" is said only
// of what nobody wrote.
func (m *Model) Refused(kind, name string) error {
	var all []error
	for _, p := range m.Problems {
		if p.Kind != kind || p.Name != name || name == "" || !slices.ContainsFunc(folders, func(f folder) bool {
			return f.kind == kind && strings.HasPrefix(p.File, f.path+"/")
		}) {
			continue // a placement that names it is no file of it
		}
		if parse := (*api.ParseError)(nil); errors.As(p.Err, &parse) {
			all = append(all, p.Err) // it has the file already
		} else {
			all = append(all, p)
		}
	}
	return errors.Join(all...)
}

func (m *Model) problem(file, kind, name string, err error) {
	m.Problems = append(m.Problems, Problem{File: file, Kind: kind, Name: name, Err: err})
}

// Members returns the clusters of a set, sorted.
func (m *Model) Members(set string) []string {
	s, ok := m.Sets[set]
	if !ok {
		return nil
	}
	var members []string
	for name, cluster := range m.Clusters {
		if s.Spec.Selector.Matches(cluster.Metadata.Labels) {
			members = append(members, name)
		}
	}
	slices.Sort(members)
	return members
}

// SetsOf returns the sets that a cluster is in, sorted.
func (m *Model) SetsOf(cluster string) []string {
	c, ok := m.Clusters[cluster]
	if !ok {
		return nil
	}
	var sets []string
	for name, s := range m.Sets {
		if s.Spec.Selector.Matches(c.Metadata.Labels) {
			sets = append(sets, name)
		}
	}
	slices.Sort(sets)
	return sets
}

// PlacedOn returns the placements that target a cluster, sorted: none for a
// cluster that is unknown or being decommissioned.
func (m *Model) PlacedOn(cluster string) []string {
	c, ok := m.Clusters[cluster]
	if !ok || c.Spec.Decommission {
		return nil
	}
	sets := m.SetsOf(cluster)
	var placed []string
	for name, p := range m.Placements {
		if slices.ContainsFunc(p.Spec.Targets, func(t api.PlacementTarget) bool {
			return m.holds(t, cluster, sets)
		}) {
			placed = append(placed, name)
		}
	}
	slices.Sort(placed)
	return placed
}

// TargetsOf returns the clusters that a placement targets, sorted: only those
// that exist and are not being decommissioned.
func (m *Model) TargetsOf(placement string) []string {
	p, ok := m.Placements[placement]
	if !ok {
		return nil
	}
	targets := map[string]bool{}
	for _, t := range p.Spec.Targets {
		if t.EndedAt(m.now) {
			continue
		}
		if t.ClusterName != "" {
			targets[t.ClusterName] = true
			continue
		}
		for _, member := range m.Members(t.ClusterSet) {
			targets[member] = true
		}
	}
	maps.DeleteFunc(targets, func(name string, _ bool) bool {
		c, ok := m.Clusters[name]
		return !ok || c.Spec.Decommission
	})
	return slices.Sorted(maps.Keys(targets))
}
