// Package v1alpha1 holds the kinds of bulla.dev/v1alpha1.
//
// Two families live here. The kinds for Git ([Fleet], [Cluster], [ClusterSet],
// [Placement], [SealedManifest]) are read from a fleet repository and never
// applied to a cluster; [ParseFleet] and its sisters read them strictly. The
// kinds for a cluster ([FleetSync], [Delivery]) are CRDs that the controller
// owns.
//
// Nothing in this package holds plaintext, a private key or a client.
//
// +kubebuilder:object:generate=true
// +groupName=bulla.dev
package v1alpha1
