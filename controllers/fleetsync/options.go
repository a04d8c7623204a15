package fleetsync

import (
	"context"
	"time"

	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// Options is what the loop needs from the rest of the process.
type Options struct {
	// Client reads FleetSyncs and Deliveries from a cache and Secrets from the
	// API server.
	Client client.Client
	// Reader is the API server itself: a cache does not keep who suspended a
	// FleetSync. Nil for nobody.
	Reader client.Reader
	// Recorder records events; messages hold no secret.
	Recorder record.EventRecorder
	// Namespace is the controller's: FleetSync, Deliveries and Secrets are there.
	Namespace string
	// Git is how the repository is reached.
	Git Git

	Builder    *kustomize.Builder
	Snapshots  *view.Snapshots
	Identities *unseal.Identities
	Link       *unseal.Link
	// Service is how the key service is reached.
	Service Service
	// Now is the clock; nil: time.Now.
	Now     func() time.Time
	Metrics *metrics.Metrics
}

// Git is how the repository is reached.
type Git struct {
	// Storage is the directory that keeps the mirror over restarts.
	Storage string
	// AllowHTTP admits http:// remotes that are not on loopback.
	AllowHTTP bool
	// Limits bound what is taken from the remote.
	Limits git.Limits
}

// Service is how the key service is reached. Nil is for [unseal.Dial] and the
// client's Enroll.
type Service struct {
	Dial   unseal.Dialer
	Enroll func(context.Context, keyservice.EnrollOptions) (*keyservice.Credentials, error)
}

func (r *Options) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
