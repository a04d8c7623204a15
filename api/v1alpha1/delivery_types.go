package v1alpha1

import (
	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations and labels that bulla reads or writes on cluster objects.
const (
	// OwnerLabel marks every object that bulla applied; its value is the name
	// of the Placement. Objects are found by it; it proves nothing.
	OwnerLabel = "bulla.dev/placement"
	// FleetLabel carries the fleet id beside [OwnerLabel].
	FleetLabel = "bulla.dev/fleet"
	// OwnerAnnotation proves that this cluster's controller made an object, for
	// which placement: an HMAC that no other object can carry.
	OwnerAnnotation = "bulla.dev/owner"
	// ContentAnnotation carries a content digest: on a sealed object its own,
	// in a pod template (as bulla.dev/content-NAME) that of a secret it uses.
	ContentAnnotation = "bulla.dev/content"
	// PruneAnnotation set to "disabled" keeps an object when Git drops it; set to
	// [PruneForce] it goes at the end of the placement's timeout though pods name it.
	PruneAnnotation = "bulla.dev/prune"
	// PruneForce is a value of [PruneAnnotation].
	PruneForce = "force"
	// ForceAnnotation set to "enabled" on an object, or in a stub's template, lets
	// it be deleted and made anew where it cannot change in place.
	ForceAnnotation = "bulla.dev/force"
	// TakeOverAnnotation set to "true" on an object, or in a stub's template, lets
	// the controller take over a live object that somebody else made. On a
	// Delivery, set to the revision named in its condition, it takes back objects
	// that carry this placement's label and no proof that counts here.
	TakeOverAnnotation = "bulla.dev/take-over"
	// ConsentAnnotation on a Delivery or FleetSync, set to the revision named
	// in its PruneBlocked condition, lets the guarded prune of that revision go
	// on. It covers nothing that Git placed here after that revision.
	ConsentAnnotation = "bulla.dev/consent"
	// AcceptRewriteAnnotation on a FleetSync, set to OLD..NEW (two full commit
	// hashes), accepts that NEW follows the accepted head OLD although it does
	// not descend from it, or although commits between them do not verify. It
	// names both, so that it counts once and for nothing else.
	AcceptRewriteAnnotation = "bulla.dev/accept-rewrite"
)

// DeliverySpec is written by FleetSync only, except Suspend.
type DeliverySpec struct {
	// Revision is the head at which this placement was last resolved.
	Revision string `json:"revision"`
	// BuildDigest is the digest of everything that this placement builds. A
	// Delivery works only when it changed, or when something of its own drifted.
	BuildDigest string `json:"buildDigest"`
	// Variant of the placement that is built here; absent where it is the placement's own.
	// +optional
	Variant string `json:"variant,omitempty"`
	// TargetNamespace is the placement's, or the first of its namespaces, and
	// ServiceAccountName the account there that it names, if any. A removal is made
	// as that account when the status, which has it too, was lost.
	// +optional
	TargetNamespace string `json:"targetNamespace,omitempty"`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// DeletionPolicy is Orphan where plain objects stay when Git no longer places this,
	// and absent where they go. It too is for a removal whose status was lost.
	// +optional
	DeletionPolicy string `json:"deletionPolicy,omitempty"`
	// Removed is set when Git no longer places this here: prune everything,
	// confirm, and go.
	// +optional
	Removed bool `json:"removed,omitempty"`
	// Suspend stops this Delivery. Operators may set it.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// DeliveryStatus is what was delivered.
type DeliveryStatus struct {
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// LastAppliedRevision is the head of the last complete apply.
	// +optional
	LastAppliedRevision string `json:"lastAppliedRevision,omitempty"`
	// LastAttemptedRevision is the head that was begun last.
	// +optional
	LastAttemptedRevision string `json:"lastAttemptedRevision,omitempty"`
	// History is how the last builds ended, newest first, at most five: by digest and
	// reason, with the revision. A pass that finds everything as it was adds nothing.
	// +optional
	History meta.History `json:"history,omitempty"`
	// AppliedBuildDigest is the build digest of the last complete apply.
	// +optional
	AppliedBuildDigest string `json:"appliedBuildDigest,omitempty"`
	// BegunBuildDigest is the build digest of an apply that has begun here and is not
	// complete; absent when nothing is half-way. What has begun goes on, also where
	// nothing new may begin: it waits for no wave and no pause of its rollout.
	// +optional
	BegunBuildDigest string `json:"begunBuildDigest,omitempty"`
	// Inventory is what this Delivery may own: before an apply old and new
	// together, after it what stands.
	// +optional
	Inventory []InventoryEntry `json:"inventory,omitempty"`
	// InventoryParts are the digests of the Secrets that hold the inventory, packed,
	// when it is too large for this status.
	// +optional
	InventoryParts []string `json:"inventoryParts,omitempty"`
	// Objects is the number of inventory entries.
	// +optional
	Objects int `json:"objects,omitempty"`
	// Secrets is the number of sealed objects among them.
	// +optional
	Secrets int `json:"secrets,omitempty"`
	// Attempts counts failed attempts at BuildDigest since the last success.
	// +optional
	Attempts int64 `json:"attempts,omitempty"`
	// Policy is how the Placement that was applied last wants its objects to go.
	// +optional
	Policy *DeliveryPolicy `json:"policy,omitempty"`

	meta.ReconcileRequestStatus `json:",inline"`
}

// DeliveryPolicy is kept of a Placement, because the Placement is no longer
// there to be asked when it is removed.
type DeliveryPolicy struct {
	// Prune false leaves plain objects behind.
	Prune bool `json:"prune"`
	// DeletionPolicy is the Placement's: what becomes of them when it leaves.
	// +optional
	DeletionPolicy string `json:"deletionPolicy,omitempty"`
	// ServiceAccount is impersonated, as namespace/name; "" is the controller's own.
	// +optional
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// Timeout bounds the wait for workloads to go before their secrets do.
	Timeout metav1.Duration `json:"timeout"`
}

// InventoryEntry is one object of a Delivery.
type InventoryEntry struct {
	// ID is namespace_name_group_kind, as in Flux's inventory.
	ID string `json:"id"`
	// Version of the API the object was applied with.
	Version string `json:"v"`
	// UID of the object as applied; deletes carry it.
	// +optional
	UID string `json:"uid,omitempty"`
	// Applied is the hash of the object as Git has it, of a sealed object without
	// its values: equal and undrifted objects are not sent again.
	// +optional
	Applied string `json:"applied,omitempty"`
	// Generation of the live object after the apply, where the kind has one.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// ResourceVersion of the live object after the apply. Equal means nothing
	// changed; different means look.
	// +optional
	ResourceVersion string `json:"rv,omitempty"`
	// Stub is the stub digest at the last apply, for sealed objects.
	// +optional
	Stub string `json:"stub,omitempty"`
	// Content is the content digest at the last apply, for sealed objects.
	// +optional
	Content string `json:"content,omitempty"`
	// Prune is what Git said of the object's removal at the last apply, as
	// [PruneAnnotation]. What lives is not asked: whoever may patch an object could
	// keep what Git takes away.
	// +optional
	Prune string `json:"prune,omitempty"`
	// Until is set once Git places the object here no more: the last revision that was
	// begun while it still did.
	// +optional
	Until string `json:"until,omitempty"`
	// TakenOver: the object lived before, and somebody else had made it.
	// +optional
	TakenOver bool `json:"takenOver,omitempty"`
	// RunsFor is the content digest that stood when it was replaced and not every workload
	// of other deployers could be told: those that nobody noted run for its values, until
	// all of them were looked at.
	// +optional
	RunsFor string `json:"runsFor,omitempty"`
	// Run is set for what ends by itself, a Job for example.
	// +optional
	Run *InventoryRun `json:"run,omitempty"`
	// MAC is HMAC-SHA256 under a per-cluster key over identity, uid, content
	// digest and owned data: a live Secret is compared without unsealing, and
	// the status gives nobody a hash to guess against.
	// +optional
	MAC string `json:"mac,omitempty"`
}

// InventoryRun is the run of an object that ends by itself. It runs once for each
// spec in Git, and is not made again when it is gone.
type InventoryRun struct {
	// Spec is the hash of the spec that runs.
	Spec string `json:"spec"`
	// Ended is Complete or Failed; Unseen when it was gone before anybody looked.
	// +optional
	Ended string `json:"ended,omitempty"`
	// Gone: it ended and does not stand any more.
	// +optional
	Gone bool `json:"gone,omitempty"`
}

// Delivery is one placement on this cluster. Its name is the Placement's.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=dlv,categories=bulla
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=".status.conditions[?(@.type==\"Ready\")].reason"
// +kubebuilder:printcolumn:name="Objects",type=integer,JSONPath=".status.objects"
// +kubebuilder:printcolumn:name="Secrets",type=integer,JSONPath=".status.secrets"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=".status.conditions[?(@.type==\"Ready\")].message"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Suspended",type=boolean,priority=1,JSONPath=".spec.suspend"
// +kubebuilder:printcolumn:name="Variant",type=string,priority=1,JSONPath=".spec.variant"
// +kubebuilder:printcolumn:name="Revision",type=string,priority=1,JSONPath=".status.lastAppliedRevision"
type Delivery struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec DeliverySpec `json:"spec"`
	// +optional
	Status DeliveryStatus `json:"status,omitempty"`
}

// GetConditions lets fluxcd/pkg/runtime read the conditions.
func (d *Delivery) GetConditions() []metav1.Condition { return d.Status.Conditions }

// SetConditions lets fluxcd/pkg/runtime write the conditions.
func (d *Delivery) SetConditions(conditions []metav1.Condition) { d.Status.Conditions = conditions }

// DeliveryList is a list of Deliveries.
//
// +kubebuilder:object:root=true
type DeliveryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Delivery `json:"items"`
}
