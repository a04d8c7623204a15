package keyservice

import (
	"context"
	"crypto/subtle"
	"errors"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/model"
)

type callerKey struct{}

func withCaller(ctx context.Context, c authority.Cluster) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) (authority.Cluster, error) {
	c, ok := ctx.Value(callerKey{}).(authority.Cluster)
	if !ok {
		return authority.Cluster{}, errors.New("read caller: the route did not authenticate it")
	}
	return c, nil
}

// clusterAtHead is the cluster that may unseal: it has a file at the accepted
// head, the file names exactly the key of the certificate, and does not say
// suspend. Removing or suspending the file stops the next request, on open
// connections too.
func clusterAtHead(c authority.Cluster, model *model.Model) (cluster *api.Cluster, reason string) {
	cluster, ok := model.Clusters[c.Name]
	switch {
	case !ok:
		return nil, keyservicev1.ReasonNotInFleet
	case !isPinnedIdentity(c, cluster):
		return nil, keyservicev1.ReasonIdentity
	case cluster.Spec.Suspend:
		return nil, keyservicev1.ReasonSuspended
	}
	return cluster, ""
}

// isPinnedIdentity holds the certificate's public key to the one in Git: who
// tricks the authority into a certificate for a name still has the wrong key.
func isPinnedIdentity(c authority.Cluster, cluster *api.Cluster) bool {
	return subtle.ConstantTimeCompare([]byte(c.Identity), []byte(cluster.Spec.Identity)) == 1
}
