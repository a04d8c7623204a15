// Package clusterkeys reads a cluster's two public keys from the cluster itself.
//
// The keys must never come from the key service or any other party in the
// middle: whoever gives a false recipient here reads every secret of that
// cluster.
package clusterkeys

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/desk/enrolment"
)

// Keys are a cluster's public keys.
type Keys = enrolment.Keys

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
	return keys, check(keys, where, cluster)
}

func check(k Keys, where, cluster string) error {
	switch {
	case k.Cluster != cluster:
		return fault.New("is this the right context?", "the cluster of %s calls itself %q, not %q", where, k.Cluster, cluster)
	case k.Identity == "" || k.Recipient == "":
		return fault.New("kubectl describe fleetsync says why; its controller makes the keys at its first start",
			"the cluster of %s has no keys yet", where)
	}
	return nil
}
