package report

import (
	"context"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// maxManager bounds the name of a field manager in a report, in bytes.
const maxManager = 128

// SuspensionOf reads the object itself: the cache does not keep who wrote what.
func SuspensionOf(ctx context.Context, reader client.Reader, cached client.Object) *keyservicev1.Suspension {
	live, ok := cached.DeepCopyObject().(client.Object)
	if reader == nil || !ok || reader.Get(ctx, client.ObjectKeyFromObject(cached), live) != nil {
		return &keyservicev1.Suspension{}
	}
	return Suspension(live)
}

// Suspension says who set spec.suspend, and when, as far as the API server noted
// it. Anyone may call themselves anything there.
func Suspension(obj client.Object) *keyservicev1.Suspension {
	s := &keyservicev1.Suspension{}
	for _, entry := range obj.GetManagedFields() {
		if entry.Subresource != "" || !setsSuspend(entry.FieldsV1) {
			continue
		}
		if entry.Time != nil && entry.Time.UnixMicro() >= s.Since {
			s.Since, s.By = entry.Time.UnixMicro(), printable.Line(entry.Manager, maxManager)
		}
	}
	return s
}

func setsSuspend(fields *metav1.FieldsV1) bool {
	var owned struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if fields == nil || json.Unmarshal(fields.GetRawBytes(), &owned) != nil {
		return false
	}
	_, ok := owned.Spec["f:suspend"]
	return ok
}

// BySince is a suspension for people.
func BySince(s *keyservicev1.Suspension) string {
	var text string
	if s.GetBy() != "" {
		text = " by " + s.GetBy()
	}
	if s.GetSince() != 0 {
		text += " since " + time.UnixMicro(s.GetSince()).UTC().Format(time.RFC3339)
	}
	return text
}

// ResumeHint is for a Delivery that somebody suspended by hand: no commit ends that.
func ResumeHint(delivery string) string {
	return "kubectl patch delivery " + delivery + " --type merge -p '{\"spec\":{\"suspend\":false}}'"
}
