package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// SealedManifestStatus says who stands for a stub that lies in this cluster.
type SealedManifestStatus struct {
	// ObservedGeneration is the generation that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Delivery is the Delivery whose placement makes the Secret of this name.
	// +optional
	Delivery string `json:"delivery,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SealedManifest is a stub as another deployer applied it from the folder where its
// file lies. It opens nothing and makes nothing: what a cluster may open stands in the
// reviewed tree of the fleet's repository. Its status says which Delivery makes the
// Secret of its name, so that who waits for it need not guess.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=bulla
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Delivery",type=string,JSONPath=".status.delivery"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=".status.conditions[?(@.type==\"Ready\")].message"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
type SealedManifest struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the stub's, as its file has it. It is kept whole, or who applied it
	// would find a drift at every look.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +optional
	Spec runtime.RawExtension `json:"spec,omitempty"`
	// +optional
	Status SealedManifestStatus `json:"status,omitempty"`
}

// GetConditions returns the status conditions.
func (s *SealedManifest) GetConditions() []metav1.Condition { return s.Status.Conditions }

// SetConditions sets the status conditions.
func (s *SealedManifest) SetConditions(conditions []metav1.Condition) {
	s.Status.Conditions = conditions
}

// SealedManifestList is a list of SealedManifest.
//
// +kubebuilder:object:root=true
type SealedManifestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SealedManifest `json:"items"`
}
