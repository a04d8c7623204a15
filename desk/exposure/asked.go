package exposure

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// Grants reads the answers that were given for objects, and for a version where digest is
// not empty, to one cluster or, where that is empty, to any.
func Grants(
	ctx context.Context, source auditlog.Source, cluster, digest string, objects []string,
) ([]client.AuditEntry, error) {
	found := map[int64]client.AuditEntry{}
	read := func(f auditlog.Filter) error {
		f.Cluster = cluster
		return source.Read(ctx, f, func(e client.AuditEntry) error { found[e.Index] = e; return nil })
	}
	for _, object := range objects {
		f := Granted
		f.Object = object
		if err := read(f); err != nil {
			return nil, err
		}
	}
	if digest != "" {
		f := Granted
		f.Digest = digest
		if err := read(f); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(found),
		func(a, b client.AuditEntry) int { return cmp.Compare(a.Index, b.Index) }), nil
}

// About leaves out what an entry names beside what was asked for.
func About(readings []Reading, objects []string, digest string) []Reading {
	return slices.DeleteFunc(readings, func(r Reading) bool {
		return !slices.Contains(objects, r.Object) && (digest == "" || r.Digest != digest)
	})
}

// Placed is an object that a placement puts on a cluster.
type Placed struct {
	Cluster   string `json:"cluster"`
	Placement string `json:"placement"`
	Object    string `json:"object"`
}

// Unread lists where a tree places objects and nobody opened the version that it has. only
// is one cluster, or empty for all.
func Unread(
	m *model.Model, uses map[string][]built.Use, objects []string, readings []Reading, only string,
) []Placed {
	read := map[Placed]bool{}
	for _, r := range readings {
		if r.Current {
			read[Placed{r.Cluster, r.Placement, r.Object}] = true
		}
	}
	placed, seen := []Placed{}, map[Placed]bool{}
	for _, file := range slices.Sorted(maps.Keys(uses)) {
		for _, use := range uses[file] {
			object := use.Namespace + "/" + use.Name
			if !slices.Contains(objects, object) {
				continue
			}
			for _, cluster := range m.Got(use.Placement, use.Variant) {
				p := Placed{cluster, use.Placement, object}
				if !read[p] && !seen[p] && (only == "" || only == cluster) {
					seen[p] = true
					placed = append(placed, p)
				}
			}
		}
	}
	return placed
}

// Objects are those of a tree: as placements build them and, where none does, as stubs say.
func Objects(uses map[string][]built.Use, stubs []Stub) []string {
	var names []string
	for _, of := range uses {
		for _, use := range of {
			names = append(names, use.Namespace+"/"+use.Name)
		}
	}
	for _, stub := range stubs {
		if len(uses[stub.Path]) == 0 {
			names = append(names, stub.Manifest.Metadata.Namespace+"/"+stub.Manifest.Metadata.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var errFound = errors.New("found")

// Named says whether the log has any entry that a filter chooses, but for what a person
// or a cluster may have misspelt.
func Named(ctx context.Context, source auditlog.Source, filter auditlog.Filter) (bool, error) {
	err := source.Read(ctx, filter, func(e client.AuditEntry) error {
		// An operator may misspell a name too, and a cluster say any.
		if e.Entry.Kind == audit.Deny || e.Entry.Kind == audit.Report {
			return nil
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}
