package apply

import (
	"context"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// selectedNode is set on a claim once a pod that uses it was put on a node.
const selectedNode = "volume.kubernetes.io/selected-node"

// rests reports whether an object is as Git wants it though it does nothing: Git
// says that it is suspended, paused or of no replicas. Waiting for it to move
// would never end.
func rests(live *unstructured.Unstructured) (why string, ok bool) {
	if observed, found := number(live, "status", "observedGeneration"); found && observed < live.GetGeneration() {
		return "", false // its controller has not read this yet
	}
	spec, _, _ := unstructured.NestedMap(live.Object, "spec")
	switch (schema.GroupKind{Group: live.GroupVersionKind().Group, Kind: live.GetKind()}) {
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		if parallelism, set := number(live, "spec", "parallelism"); set && parallelism == 0 {
			return "it runs no pods", true
		}
		return "it is suspended", spec["suspend"] == true
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		if spec["paused"] == true {
			return "it is paused", true
		}
		return "it has no replicas", noReplicas(live)
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, schema.GroupKind{Group: "apps", Kind: "ReplicaSet"},
		schema.GroupKind{Kind: "ReplicationController"}:
		return "it has no replicas", noReplicas(live)
	}
	return "", false
}

// noReplicas: none are wanted, and none are left.
func noReplicas(live *unstructured.Unstructured) bool {
	wanted, set := number(live, "spec", "replicas")
	has, _ := number(live, "status", "replicas")
	return set && wanted == 0 && has == 0
}

func number(live *unstructured.Unstructured, path ...string) (int64, bool) {
	value, _, _ := unstructured.NestedFieldNoCopy(live.Object, path...)
	switch n := value.(type) {
	case int64:
		return n, true
	case float64:
		return int64(n), true
	}
	return 0, false
}

// claimHealth is of a claim that is not bound. One whose class waits for the
// first consumer has done its part: the consumer may come with what waits for this.
func (l *Live) claimHealth(ctx context.Context, live *unstructured.Unstructured, unbound Health) (Health, error) {
	name, _, _ := unstructured.NestedString(live.Object, "spec", "storageClassName")
	if name == "" || live.GetAnnotations()[selectedNode] != "" {
		return unbound, nil
	}
	class := &unstructured.Unstructured{}
	class.SetGroupVersionKind(storagev1.SchemeGroupVersion.WithKind("StorageClass"))
	err := l.reader.Get(ctx, client.ObjectKey{Name: name}, class)
	switch {
	case apierrors.IsNotFound(err):
		unbound.Message += fmt.Sprintf("; storage class %q does not exist", name)
		return unbound, nil
	case err != nil:
		return Health{}, fmt.Errorf("read storage class %q: %w", name, err)
	}
	if mode, _, _ := unstructured.NestedString(class.Object,
		"volumeBindingMode"); mode == string(storagev1.VolumeBindingWaitForFirstConsumer) {
		return Health{Status: status.CurrentStatus, Message: "it waits for its first consumer"}, nil
	}
	return unbound, nil
}
