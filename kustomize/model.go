package kustomize

import "github.com/bulla-dev/bulla/api/v1alpha1"

// Model is the fleet written in one tree. It is read-only.
type Model struct {
	Fleet      *v1alpha1.Fleet
	Clusters   map[string]*v1alpha1.Cluster
	Sets       map[string]*v1alpha1.ClusterSet
	Placements map[string]*v1alpha1.Placement
	// Files gives, for "Kind/name", the file that declared it.
	Files map[string]string
	// Problems are the files that count for nothing, sorted by file.
	Problems []Problem
}

// Problem is a file that cannot be used. It grants nothing and blocks no other.
type Problem struct {
	File string
	// Kind is the kind that the file's folder is for.
	Kind string
	// Name is the name that the file's base name says.
	Name string
	Err  error
}

// LoadModel reads the fleet. The error is about fleet.yaml only; a bad other
// file is a [Problem].
func LoadModel(t *Tree) (*Model, error) { panic("not written yet") }

// Members returns the clusters of a set, sorted.
func (m *Model) Members(set string) []string { panic("not written yet") }

// SetsOf returns the sets that a cluster is in, sorted.
func (m *Model) SetsOf(cluster string) []string { panic("not written yet") }

// PlacedOn returns the placements that target a cluster, sorted: none for a
// cluster that is unknown or being decommissioned.
func (m *Model) PlacedOn(cluster string) []string { panic("not written yet") }

// TargetsOf returns the clusters that a placement targets, sorted.
func (m *Model) TargetsOf(placement string) []string { panic("not written yet") }
