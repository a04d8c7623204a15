package delivery

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// presence parts what was said to stand into what does and what is gone: somebody
// may have deleted a namespace while a pass fails, or while nobody works here. A
// user that is gone uses nothing.
func (p *deliveryPass) presence(ctx context.Context, inv inventory.Inventory,
	said []*keyservicev1.SecretReport) (stand, gone []*keyservicev1.SecretReport) {
	byKey := map[report.Key]ObjectID{}
	workloads := map[string]ObjectID{}
	for id, entry := range inv {
		workloads[id.Namespace+" "+id.Kind+"/"+id.Name] = id
		if entry.Content != "" {
			byKey[report.KeyOfID(id)] = id
		}
	}
	stand = []*keyservicev1.SecretReport{}
	for _, one := range said {
		id, ours := byKey[report.KeyOf(one)]
		if ours && p.isGone(ctx, id, inv[id]) {
			gone = append(gone, report.NewSecret(p.obj.Name, id, one.GetDigest(), nil))
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
			one = report.NewSecret(p.obj.Name, id, one.GetDigest(), users)
		}
		stand = append(stand, one)
	}
	return stand, gone
}

// isGone asks the watch first, and the API server about what the watch does not
// hold: it may be behind a write of ours, and the label may have been taken off.
func (p *deliveryPass) isGone(ctx context.Context, id ObjectID, entry v1alpha1.InventoryEntry) bool {
	gvk := inventory.GVK(id, entry)
	if live, known := p.watcher.Get(ctx, gvk, id); !known || live != nil {
		return false
	}
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	err := p.reader.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name}, live)
	return apierrors.IsNotFound(err) && !strings.Contains(err.Error(), "could not find the requested resource")
}
