// Package beside looks at workloads that another deployer placed (Flux, Argo CD, Helm,
// a person) and that read a Secret which bulla delivers.
//
// It writes two annotations of theirs and nothing else: on the workload, for which
// values its pods run, and in its pod template, when those changed. Both are under a
// field manager of their own, so that a deployer that applies by fields keeps its own.
package beside

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// page is how many workloads one request lists.
const page = 250

// kinds have pods that somebody writes a template for. A ReplicaSet, a Job or a Pod
// belongs to one of them nearly always; live pods hold a Secret back whosoever they are.
var kinds = []schema.GroupVersionKind{
	appsv1.SchemeGroupVersion.WithKind("Deployment"),
	appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
	appsv1.SchemeGroupVersion.WithKind("DaemonSet"),
	batchv1.SchemeGroupVersion.WithKind("CronJob"),
}

// Workload is one that reads some of the Secrets that were asked for.
type Workload struct {
	ID   inventory.ID
	Kind schema.GroupVersionKind
	// Reads are those Secrets; Keeps says of each whether running pods have its values.
	Reads []inventory.ID
	Keeps map[inventory.ID]bool

	uid         string
	annotations map[string]string
	rolls       bool
}

// Finder finds workloads. Reader reads from the API server itself.
type Finder struct{ Reader client.Reader }

// Of gives the workloads in the namespaces of these Secrets that read one of them,
// without those that skip has. One that is on its way out reads nothing any more.
func (f Finder) Of(ctx context.Context, secrets map[inventory.ID]bool, skip func(inventory.ID) bool,
) ([]Workload, error) {
	// Templates carry values in their environment, and client-go logs bodies.
	ctx = logr.NewContext(ctx, logr.Discard())
	namespaces := map[string]bool{}
	var found []Workload
	for id := range secrets {
		if namespaces[id.Namespace] {
			continue
		}
		namespaces[id.Namespace] = true
		for _, gvk := range kinds {
			more, err := f.in(ctx, id.Namespace, gvk, secrets, skip)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found, nil
}

func (f Finder) in(ctx context.Context, namespace string, gvk schema.GroupVersionKind, secrets map[inventory.ID]bool,
	skip func(inventory.ID) bool) ([]Workload, error) {
	var found []Workload
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	for next := ""; ; {
		options := []client.ListOption{client.InNamespace(namespace), client.Limit(page), client.Continue(next)}
		if err := f.Reader.List(ctx, list, options...); err != nil {
			return nil, fmt.Errorf("list the %ss of namespace %q: %w", gvk.Kind, namespace, err)
		}
		for i := range list.Items {
			if w := read(&list.Items[i], gvk, secrets); len(w.Reads) > 0 && !skip(w.ID) {
				found = append(found, w)
			}
		}
		if next = list.GetContinue(); next == "" {
			return found, nil
		}
	}
}

// read is what a workload reads of the Secrets.
func read(live *unstructured.Unstructured, gvk schema.GroupVersionKind, secrets map[inventory.ID]bool) Workload {
	live.SetGroupVersionKind(gvk)
	w := Workload{
		ID:   inventory.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: live.GetNamespace(), Name: live.GetName()},
		Kind: gvk, Keeps: map[inventory.ID]bool{}, uid: string(live.GetUID()), annotations: live.GetAnnotations(),
		rolls: gvk.Group == appsv1.GroupName,
	}
	if live.GetDeletionTimestamp() != nil {
		return w
	}
	for _, ref := range workload.Reads(live.Object) {
		id := apply.IDOf(ref, w.ID.Namespace)
		if secrets[id] {
			w.Reads = append(w.Reads, id)
			w.Keeps[id] = !ref.PullsOnly()
		}
	}
	return w
}
