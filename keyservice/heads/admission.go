package heads

import (
	"crypto/subtle"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// Admit is the cluster that may unseal: it has a file at the head of a model, the file
// names exactly the identity of its certificate, and does not say suspend. Removing or
// suspending the file stops the next request, on open connections too. The reason is ""
// for one that may.
func Admit(at *model.Model, name, identity string) (cluster *api.Cluster, reason string) {
	cluster, ok := at.Clusters[name]
	switch {
	case !ok:
		return nil, keyservicev1.ReasonNotInFleet
	case !IsPinned(cluster, identity):
		return nil, keyservicev1.ReasonIdentity
	case cluster.Spec.Suspend:
		return nil, keyservicev1.ReasonSuspended
	}
	return cluster, ""
}

// IsPinned holds the certificate's public key to the one in Git: who tricks the
// authority into a certificate for a name still has the wrong key.
func IsPinned(cluster *api.Cluster, identity string) bool {
	return subtle.ConstantTimeCompare([]byte(identity), []byte(cluster.Spec.Identity)) == 1
}
