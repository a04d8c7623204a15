package report

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Presence looks whether what is said to stand does.
type Presence struct {
	// Watcher is asked first, and Reader, the API server, about what a watch does not
	// hold: it may be behind a write of ours, and the label may have been taken off.
	Watcher *drift.Watcher
	Reader  client.Reader
}

// Part parts what was said to stand into what does and what is gone: somebody
// may have deleted a namespace while a pass fails, or while nobody works here. A
// user that is gone uses nothing.
func (p Presence) Part(ctx context.Context, placement string, inv inventory.Inventory,
	said []*keyservicev1.SecretReport) (stand, gone []*keyservicev1.SecretReport) {
	byKey := map[Key]inventory.ID{}
	workloads := map[string]inventory.ID{}
	for id, entry := range inv {
		workloads[id.Namespace+" "+id.Kind+"/"+id.Name] = id
		if entry.Content != "" {
			byKey[KeyOfID(id)] = id
		}
	}
	stand = []*keyservicev1.SecretReport{}
	for _, one := range said {
		id, ours := byKey[KeyOf(one)]
		if ours && p.isGone(ctx, id, inv[id]) {
			gone = append(gone, NewSecret(placement, id, one.GetDigest(), nil))
			continue
		}
		var users []string
		for _, user := range one.GetWorkloads() {
			id, ours := workloads[one.GetNamespace()+" "+user]
			if !ours || !p.isGone(ctx, id, inv[id]) {
				users = append(users, user)
			}
		}
		if len(users) != len(one.GetWorkloads()) && ours {
			one = NewSecret(placement, id, one.GetDigest(), users)
		}
		stand = append(stand, one)
	}
	return stand, gone
}

func (p Presence) isGone(ctx context.Context, id inventory.ID, entry v1alpha1.InventoryEntry) bool {
	gvk := inventory.GVK(id, entry)
	if live, known := p.Watcher.Get(ctx, gvk, id); !known || live != nil {
		return false
	}
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	err := p.Reader.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name}, live)
	return apierrors.IsNotFound(err) && !strings.Contains(err.Error(), "could not find the requested resource")
}
