package fleet

import "time"

// Placement says which application goes where: placements/NAME.yaml. It is
// what reviewers review, and merging it is the grant.
type Placement struct {
	TypeMeta `json:",inline"`
	Metadata Metadata      `json:"metadata"`
	Spec     PlacementSpec `json:"spec"`
	// Variant is the one that this is, as [Placement.As] makes it; "" in every file.
	Variant string `json:"-"`
}

// PlacementSpec names an application's folder, its targets and its limits.
// Field names follow Flux's Kustomization.
type PlacementSpec struct {
	// Path is the folder to build, relative to the repository's root, without
	// "..", leading "/" or empty segments.
	Path string `json:"path"`
	// Targets are ORed.
	Targets []PlacementTarget `json:"targets"`
	// TargetNamespace is the one namespace of this placement. Objects without a
	// namespace get it. Exactly one of TargetNamespace and Namespaces is set.
	TargetNamespace string `json:"targetNamespace,omitempty"`
	// Namespaces are the namespaces that this placement may write.
	Namespaces []string `json:"namespaces,omitempty"`
	// DependsOn names placements that must be Ready on the same cluster first.
	DependsOn []PlacementReference `json:"dependsOn,omitempty"`
	// ServiceAccountName, in the target namespace (the first of Namespaces), is
	// impersonated for apply and prune.
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// Allow lists what this placement may do beyond the common case. Each line
	// stands in review.
	Allow *PlacementAllow `json:"allow,omitempty"`
	// Prune deletes what Git no longer places. Default true. False leaves plain objects
	// behind; a sealed one goes all the same, as its grant did.
	Prune *bool `json:"prune,omitempty"`
	// DeletionPolicy is what becomes of the objects when the placement leaves a cluster.
	// Default MirrorPrune.
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// Force lets objects that cannot change in place be deleted and made anew. What an
	// object says of itself counts first. Default false.
	Force bool `json:"force,omitempty"`
	// Wait waits for health before Ready. Default true.
	Wait *bool `json:"wait,omitempty"`
	// Timeout bounds waiting for health, and for workloads to go before their
	// secrets are pruned. Default 5m.
	Timeout *Duration `json:"timeout,omitempty"`
	// Interval is the jittered backstop of drift detection. Default 10m.
	Interval *Duration `json:"interval,omitempty"`
	// RetryInterval is between attempts that fail, a tenth more or less, at least 1s.
	// Default: from a second to two minutes, doubling.
	RetryInterval *Duration `json:"retryInterval,omitempty"`
	// HealthChecks name objects that Ready waits for, besides what the placement
	// builds where Wait is true, and alone where it is false.
	HealthChecks []HealthCheck `json:"healthChecks,omitempty"`
	// HealthCheckExprs say of kinds of their own when an object is healthy.
	HealthCheckExprs []HealthCheckExpr `json:"healthCheckExprs,omitempty"`
	// Suspend stops reconciling on every target; nothing is pruned.
	Suspend bool `json:"suspend,omitempty"`
	// Windows are when changes may begin to arrive; none: at any time. Removals,
	// revocations, and the healing of what stands, wait for none.
	Windows []PlacementWindow `json:"windows,omitempty"`
	// Overlay stands here field by field.
	Overlay `json:",inline"`
	// Variants are what differs by cluster; the first that selects one counts.
	Variants []PlacementVariant `json:"variants,omitempty"`
	// Rollout brings a new build to the clusters in waves; nil: to all at once.
	Rollout *PlacementRollout `json:"rollout,omitempty"`
}

// PlacementTarget names one cluster or one set: exactly one of the two.
type PlacementTarget struct {
	ClusterName string `json:"clusterName,omitempty"`
	ClusterSet  string `json:"clusterSet,omitempty"`
	// NotAfter ends the target at a time (RFC 3339, whole seconds): from then on
	// this line counts as if it were not there. Empty for never.
	NotAfter string `json:"notAfter,omitempty"`
}

// Names is the target without its time: whom it names.
func (t PlacementTarget) Names() PlacementTarget {
	t.NotAfter = ""
	return t
}

// Ends is when the target ends, in UTC; ok is false for one that does not.
func (t PlacementTarget) Ends() (at time.Time, ok bool) {
	if t.NotAfter == "" {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, t.NotAfter)
	return at.UTC(), err == nil
}

// EndedAt says whether the target has ended at a time. At the very moment it has.
func (t PlacementTarget) EndedAt(now time.Time) bool {
	at, ok := t.Ends()
	return ok && !now.Before(at)
}

// PlacementReference names another Placement.
type PlacementReference struct {
	Name string `json:"name"`
	// ReadyExpr says in CEL when it counts as ready, in the place of what counts
	// otherwise: Ready at the digest that Git gives it. It sees the two Deliveries, as
	// self and dep.
	ReadyExpr string `json:"readyExpr,omitempty"`
}

// PlacementAllow widens what a placement may build.
type PlacementAllow struct {
	// FleetScope admits stubs with scope Fleet.
	FleetScope bool `json:"fleetScope,omitempty"`
	// ClusterResources admits cluster-scoped kinds, as "Kind.group" (for
	// example CustomResourceDefinition.apiextensions.k8s.io), "Kind" for the
	// core group. A Namespace that the placement names needs no line.
	ClusterResources []string `json:"clusterResources,omitempty"`
	// PruneInUse lets what Git drops go at the end of the timeout though somebody
	// still names it. Without it such an object stays until nobody does.
	PruneInUse bool `json:"pruneInUse,omitempty"`
	// PodSecurity admits pod-security.kubernetes.io/ labels on a Namespace: they
	// say what its pods may do to the node.
	PodSecurity bool `json:"podSecurity,omitempty"`
}
