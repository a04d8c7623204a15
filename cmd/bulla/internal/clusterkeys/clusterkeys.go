// Package clusterkeys reads a cluster's two public keys from the cluster
// itself, and makes the fingerprint by which two people compare them.
//
// The keys must never come from the key service or any other party in the
// middle: whoever gives a false recipient here reads every secret of that
// cluster.
package clusterkeys

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
)

// Keys are a cluster's public keys.
type Keys struct {
	// Fleet is the id of the fleet that the cluster follows.
	Fleet string
	// Cluster is the cluster's name in it.
	Cluster string
	// Identity is "sha256:" and the hash of the mTLS public key.
	Identity string
	// Recipient is the age recipient, age1pq1….
	Recipient string
}

// Fingerprint is 128 bits of a hash over all fields, in groups of four digits:
// short enough to be read out, long enough that nobody finds a second one.
func (k Keys) Fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		"bulla.dev/cluster-fingerprint/v1", k.Fleet, k.Cluster, k.Identity,
		k.Recipient,
	}, "\n")))
	digits := hex.EncodeToString(sum[:16])
	var groups []string
	for i := 0; i < len(digits); i += 4 {
		groups = append(groups, digits[i:i+4])
	}
	return strings.Join(groups, "-")
}

const timeout = 15 * time.Second

// Read takes the keys from the status of the cluster's one FleetSync. Empty
// kubeconfig and kubeContext mean kubectl's own choice.
func Read(ctx context.Context, kubeconfig, kubeContext, cluster string) (Keys, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	there, err := kube.Connect(kubeconfig, kubeContext)
	if err != nil {
		return Keys{}, err
	}
	where := there.Where
	object, err := there.FleetSync(ctx)
	if err != nil {
		return Keys{}, err
	}
	var sync v1alpha1.FleetSync
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &sync); err != nil {
		return Keys{}, fmt.Errorf("read FleetSync of %s: %w", where, err)
	}
	keys := Keys{
		Fleet: sync.Status.Fleet, Cluster: sync.Spec.ClusterName, Identity: sync.Status.Identity,
		Recipient: sync.Status.Recipient,
	}
	return keys, keys.check(where, cluster)
}

func (k Keys) check(where, cluster string) error {
	switch {
	case k.Cluster != cluster:
		return fault.New("is this the right context?", "the cluster of %s calls itself %q, not %q", where, k.Cluster, cluster)
	case k.Identity == "" || k.Recipient == "":
		return fault.New("kubectl describe fleetsync says why; its controller makes the keys at its first start",
			"the cluster of %s has no keys yet", where)
	}
	return nil
}
