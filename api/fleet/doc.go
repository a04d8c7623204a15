// Package fleet holds the kinds of bulla.dev/v1alpha1 that live in Git: [Fleet],
// [Cluster], [ClusterSet], [Placement], [SealedManifest] and [SealedReference]. They are
// read from a fleet repository and never applied to a cluster; [ParseFleet] and its sisters
// read them strictly. The kinds of a cluster are in api/v1alpha1.
//
// The kinds are plain structs. No library of Kubernetes comes with them, so that
// whoever seals, a page in a browser for one, does not carry it. Names, labels and
// selectors follow the rules of Kubernetes; a test holds them against its own.
//
// Nothing in this package holds plaintext, a private key or a client.
//
// Other packages import it as api: fleet is what everybody calls a variable.
//
// +kubebuilder:object:generate=true
package fleet
