package v1alpha1

import (
	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// FleetSyncSpec says which repository this cluster follows and as whom.
//
// +kubebuilder:validation:XValidation:rule="!has(self.tag) || !has(self.semver)",message="choose one of tag and semver"
type FleetSyncSpec struct {
	// URL of the fleet repository: https://, http:// (only on loopback unless
	// the controller is told otherwise) or ssh://.
	// +kubebuilder:validation:Pattern="^(http|https|ssh)://.*$"
	URL string `json:"url"`
	// Ref is the branch to follow.
	// +kubebuilder:default=main
	// +optional
	Ref string `json:"ref,omitempty"`
	// Tag is the name of a tag: followed is the commit of Ref that it names, in the place
	// of the newest. It may move forward. The key service must follow the same.
	// +kubebuilder:validation:MaxLength=255
	// +optional
	Tag string `json:"tag,omitempty"`
	// SemVer is a range of versions, such as ">=1.2.0 <2.0.0": followed is the commit of
	// Ref whose tag is the highest in it, forward only. The key service must follow the
	// same.
	// +kubebuilder:validation:MaxLength=255
	// +optional
	SemVer string `json:"semver,omitempty"`
	// SecretRef names a Secret with Git credentials, keys as in Flux: username
	// and password, or identity and known_hosts, and caFile.
	// +optional
	SecretRef *meta.LocalObjectReference `json:"secretRef,omitempty"`
	// ProxySecretRef names a Secret with the proxy to the repository, keys as in Flux:
	// address (http://, https://, or for HTTP remotes socks5://), username, password.
	// Default: HTTPS_PROXY and NO_PROXY of the controller, for HTTP remotes.
	// +optional
	ProxySecretRef *meta.LocalObjectReference `json:"proxySecretRef,omitempty"`
	// ClusterName is this cluster's name in the fleet.
	// +kubebuilder:validation:Pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
	// +kubebuilder:validation:MaxLength=63
	ClusterName string `json:"clusterName"`
	// KeyService says where the key service is.
	KeyService KeyServiceReference `json:"keyService"`
	// Signing is the floor under what fleet.yaml says of signatures: Git cannot
	// lower it. What it demands, its own signers must sign, if it names any.
	// +optional
	Signing *api.Signing `json:"signing,omitempty"`
	// AcceptRewrites says whose word lets this cluster follow a rewritten history, or
	// commits that do not verify. KeyService: an operator's at the key service, from the
	// head accepted here, once the service itself follows it, and shown by an entry of its
	// signed audit log. Absent: nobody's but that of the annotation
	// bulla.dev/accept-rewrite.
	// +kubebuilder:validation:Enum=KeyService
	// +optional
	AcceptRewrites RewriteAcceptance `json:"acceptRewrites,omitempty"`
	// Interval between looks at the remote's head, a tenth more or less.
	// +kubebuilder:default="15s"
	// +optional
	Interval metav1.Duration `json:"interval,omitempty"`
	// RetryInterval is between looks that fail, a tenth more or less, at least 1s.
	// Default: from a second up to interval, doubling.
	// +optional
	RetryInterval *metav1.Duration `json:"retryInterval,omitempty"`
	// Timeout of Git operations. Default 60s.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// Suspend stops following the repository; nothing is pruned.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// RewriteAcceptance is whose word lets a cluster follow a rewritten history.
type RewriteAcceptance string

// AcceptRewritesOfKeyService takes an operator's word from the key service's audit log.
const AcceptRewritesOfKeyService RewriteAcceptance = "KeyService"

// KeyServiceReference locates the key service and, until enrolled, the join
// token.
type KeyServiceReference struct {
	// URL of the key service, https:// only.
	// +kubebuilder:validation:Pattern="^https://.*$"
	URL string `json:"url"`
	// JoinTokenSecretRef names a Secret with the key "token". It is read once,
	// to enrol.
	// +optional
	JoinTokenSecretRef *meta.LocalObjectReference `json:"joinTokenSecretRef,omitempty"`
}

// FleetSyncStatus is what this cluster follows, and its public keys.
type FleetSyncStatus struct {
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Head is the accepted head, as ref@sha1:hash.
	// +optional
	Head string `json:"head,omitempty"`
	// Fleet is the fleet's id.
	// +optional
	Fleet string `json:"fleet,omitempty"`
	// Recipient is this cluster's age recipient, for its Cluster file.
	// +optional
	Recipient string `json:"recipient,omitempty"`
	// Identity is "sha256:" and the hash of this cluster's mTLS public key.
	// +optional
	Identity string `json:"identity,omitempty"`
	// Placements is the number of placements on this cluster at Head.
	// +optional
	Placements int `json:"placements,omitempty"`
	// NextLook is when the remote is asked next, where that is later than
	// spec.interval after the last look: its host asked to be left alone. Absent
	// otherwise, and while suspended. The annotation
	// reconcile.fluxcd.io/requestedAt asks at once.
	// +optional
	NextLook *metav1.Time `json:"nextLook,omitempty"`
	// LastEnd is the last notAfter of a target that has passed, by the key service's
	// clock and this cluster's. What ended stays ended, whatever clocks say later.
	// +optional
	LastEnd *metav1.Time `json:"lastEnd,omitempty"`
	// Rewrite is the last entry of the audit log by which this cluster followed a rewritten
	// history. None that stands before it is taken again.
	// +optional
	Rewrite *FollowedRewrite `json:"rewrite,omitempty"`
	// CertificateNotAfter is when the mTLS certificate expires.
	// +optional
	CertificateNotAfter *metav1.Time `json:"certificateNotAfter,omitempty"`

	meta.ReconcileRequestStatus `json:",inline"`
}

// FleetSync follows one fleet repository as one cluster. One to a cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fs,categories=bulla
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=".spec.clusterName"
// +kubebuilder:printcolumn:name="Head",type=string,JSONPath=".status.head"
// +kubebuilder:printcolumn:name="Placements",type=integer,JSONPath=".status.placements"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=".status.conditions[?(@.type==\"Ready\")].message"
// +kubebuilder:printcolumn:name="Every",type=string,JSONPath=".spec.interval"
// +kubebuilder:printcolumn:name="Next look",type=string,JSONPath=".status.nextLook"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
type FleetSync struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec FleetSyncSpec `json:"spec"`
	// +optional
	Status FleetSyncStatus `json:"status,omitempty"`
}

// GetConditions lets fluxcd/pkg/runtime read the conditions.
func (f *FleetSync) GetConditions() []metav1.Condition { return f.Status.Conditions }

// SetConditions lets fluxcd/pkg/runtime write the conditions.
func (f *FleetSync) SetConditions(conditions []metav1.Condition) { f.Status.Conditions = conditions }

// FleetSyncList is a list of FleetSyncs.
//
// +kubebuilder:object:root=true
type FleetSyncList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FleetSync `json:"items"`
}

// FollowedRewrite is an entry of the audit log by which a rewritten history was followed.
type FollowedRewrite struct {
	// Entry is its index in the log whose key LogKey is.
	Entry int64 `json:"entry"`
	// LogKey is the log's verifier key, as in fleet.yaml.
	LogKey string `json:"logKey"`
	// From is the head that was left, To the one that an operator let follow it.
	From string `json:"from"`
	To   string `json:"to"`
}
