package keyservice

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// caller is who asks, from the client certificate alone.
type caller struct {
	fleet, cluster string
	// identity is "sha256:" and the hash of the certificate's public key.
	identity string
	serial   string
	// expired says that the certificate is good for renewal only.
	expired bool
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) (caller, error) {
	c, ok := ctx.Value(callerKey{}).(caller)
	if !ok {
		return caller{}, errors.New("read caller: the route did not authenticate it")
	}
	return c, nil
}

// readCaller is the cluster behind a connection.
func (a *authority) readCaller(state *tls.ConnectionState) (caller, error) {
	leaf, err := a.readLeaf(state)
	if err != nil {
		return caller{}, err
	}
	return a.clusterOf(leaf)
}

// clusterOf reads the name in a certificate that was checked.
func (a *authority) clusterOf(leaf *x509.Certificate) (caller, error) {
	fleet, cluster, err := protocol.ParseClusterURI(leaf)
	if err != nil {
		return caller{}, err
	}
	if fleet != a.fleet {
		return caller{}, errors.New("the client certificate is of another fleet")
	}
	return caller{fleet: fleet, cluster: cluster, identity: protocol.SPKIHash(leaf), serial: leaf.SerialNumber.Text(16)}, nil
}

// readLeaf checks the certificate of a connection once more for this request.
// The handshake may be days old: a connection outlives a certificate. Whose it
// is remains to be read, as a cluster's or as a person's, never as either.
func (a *authority) readLeaf(state *tls.ConnectionState) (*x509.Certificate, error) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil, errors.New("no client certificate")
	}
	leaf := state.PeerCertificates[0]
	if !validAt(leaf, a.now()) {
		return nil, errors.New("the client certificate is not valid now")
	}
	if !a.issued(leaf) {
		return nil, errors.New("the client certificate is not of this fleet's authority")
	}
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return nil, errors.New("the certificate is not for a client")
	}
	return leaf, nil
}

func validAt(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// clusterAtHead is the cluster that may unseal: it has a file at the accepted
// head, the file names exactly the key of the certificate, and does not say
// suspend. Removing or suspending the file stops the next request, on open
// connections too.
func clusterAtHead(c caller, model *model.Model) (cluster *api.Cluster, reason string) {
	cluster, ok := model.Clusters[c.cluster]
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
func isPinnedIdentity(c caller, cluster *api.Cluster) bool {
	return subtle.ConstantTimeCompare([]byte(c.identity), []byte(cluster.Spec.Identity)) == 1
}
