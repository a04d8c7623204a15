// Package v1alpha1 holds the kinds of bulla.dev/v1alpha1 that live in a cluster:
// [FleetSync] and [Delivery], CRDs that the controller owns, and [SealedManifest], a
// stub that another deployer applied. The kinds for Git are in api/fleet.
//
// Nothing in this package holds plaintext, a private key or a client.
//
// +kubebuilder:object:generate=true
// +groupName=bulla.dev
package v1alpha1
