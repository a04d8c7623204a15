package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// runsNothing are kinds that have no pods, and that large applications have most of.
var runsNothing = map[schema.GroupKind]bool{
	{Kind: workload.Secret}: true, {Kind: workload.ConfigMap}: true, {Kind: "Service"}: true, {Kind: "Namespace"}: true,
	crd: true,
}

// UsersAmong gives, for each of ids that an object of inv names as it lives now, one such
// object: pods of it may come any moment. What does without it is no user.
func (l *Live) UsersAmong(ctx context.Context, inv inventory.Inventory, ids []ID) (map[ID]string, error) {
	ctx = logr.NewContext(ctx, logr.Discard())
	users := map[ID]string{}
	for _, user := range slices.SortedFunc(maps.Keys(inv), func(a, b ID) int {
		return strings.Compare(a.String(), b.String())
	}) {
		if runsNothing[groupKind(user)] || slices.Contains(ids, user) {
			continue
		}
		live, _, err := l.whole(ctx, user, groupKind(user).WithVersion(inv[user].Version))
		if err != nil {
			return nil, err
		}
		if live == nil || live.GetDeletionTimestamp() != nil {
			continue
		}
		for _, ref := range workload.Reads(live.Object) {
			id := IDOf(ref, user.Namespace)
			if users[id] == "" && !ref.Optional && slices.Contains(ids, id) {
				users[id] = inventory.Describe(user)
			}
		}
	}
	return users, nil
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
