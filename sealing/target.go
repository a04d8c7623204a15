package sealing

import (
	"errors"
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
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

// ErrVouched refuses a lock to a cluster whose keys nobody compared. Who holds the
// first lock, the key service, could have put a recipient of its own in its file, and
// opens both.
var ErrVouched = errors.New("its keys stand in its file on the key service's word")

// ForCluster is the target of a two-lock for one cluster of a fleet. It fails with
// [ErrVouched].
func ForCluster(cluster *api.Cluster) (LockTarget, error) {
	target := LockTarget{Target: Target{Kind: Cluster, Name: cluster.Metadata.Name}, Recipient: cluster.Spec.Recipient}
	if cluster.Spec.VouchedBy != "" {
		return target, fmt.Errorf("a lock to %s would be one lock: %w", target.Target, ErrVouched)
	}
	return target, nil
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
