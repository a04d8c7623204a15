package sealing

import (
	"fmt"
	"strings"
)

// TargetKind is what a lock is for: a set of clusters or one cluster.
type TargetKind string

const (
	// Set locks hold the file key: they trust the key service.
	Set TargetKind = "set"
	// Cluster locks are two-lock: HSM and cluster key are both needed.
	Cluster TargetKind = "cluster"
)

// Target is whom a lock is for.
type Target struct {
	Kind TargetKind
	Name string
}

// LockTarget is a target to seal for.
type LockTarget struct {
	Target
	// Recipient is the cluster's age recipient (age1pq1…), from its Cluster
	// file. Empty for a set.
	Recipient string
}

// ParseTarget reads "set/NAME" or "cluster/NAME".
func ParseTarget(text string) (Target, error) {
	kind, name, _ := strings.Cut(text, "/")
	target := Target{Kind: TargetKind(kind), Name: name}
	if (target.Kind != Set && target.Kind != Cluster) || name == "" || strings.Contains(name, "/") {
		return Target{}, refuse(ClassParse, "target %q is neither set/NAME nor cluster/NAME", text)
	}
	return target, nil
}

// String is the spelling in a stub, "set/NAME" or "cluster/NAME".
func (t Target) String() string { return fmt.Sprintf("%s/%s", t.Kind, t.Name) }
