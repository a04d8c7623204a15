package apply

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// podPage is how many pods one request lists.
const podPage = 250

// readable are the kinds that pods name.
var readable = map[schema.GroupKind]bool{
	{Kind: workload.Secret}: true, {Kind: workload.ConfigMap}: true,
	{Kind: workload.ServiceAccount}: true, {Kind: workload.Claim}: true,
}

// Readable reports whether a pod may name an object of this kind.
func Readable(id ID) bool { return readable[groupKind(id)] }

// Users gives, for each of ids that a live pod names, one such pod. Whose pod it
// is does not count, nor whether its ReplicaSet is an old one: what it names it
// needs again when its container restarts. A pod that ended needs nothing.
func (l *Live) Users(ctx context.Context, ids []ID) (map[ID]string, error) {
	wanted := map[string]map[ID]bool{}
	for _, id := range ids {
		if wanted[id.Namespace] == nil {
			wanted[id.Namespace] = map[ID]bool{}
		}
		wanted[id.Namespace][id] = true
	}
	users := map[ID]string{}
	for namespace, ids := range wanted {
		if err := l.usersIn(ctx, namespace, ids, users); err != nil {
			return nil, err
		}
	}
	return users, nil
}

func (l *Live) usersIn(ctx context.Context, namespace string, ids map[ID]bool, users map[ID]string) error {
	// Pods carry values in their environment, and client-go logs bodies.
	ctx = logr.NewContext(ctx, logr.Discard())
	pods := &unstructured.UnstructuredList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	for next := ""; ; {
		options := []client.ListOption{client.InNamespace(namespace), client.Limit(podPage), client.Continue(next)}
		if err := l.reader.List(ctx, pods, options...); err != nil {
			return fmt.Errorf("list the pods of namespace %q: %w", namespace, err)
		}
		for i := range pods.Items {
			noteReads(&pods.Items[i], ids, users)
		}
		if next = pods.GetContinue(); next == "" {
			return nil
		}
	}
}

// noteReads keeps the first pod by name, so that a message stays what it is.
func noteReads(pod *unstructured.Unstructured, ids map[ID]bool, users map[ID]string) {
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	if phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed) {
		return
	}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	name := inventory.Describe(ID{Kind: "Pod", Namespace: pod.GetNamespace(), Name: pod.GetName()})
	for _, ref := range workload.Reads(pod.Object) {
		id := IDOf(ref, pod.GetNamespace())
		if known, ok := users[id]; ids[id] && (!ok || name < known) {
			users[id] = name
		}
	}
}
