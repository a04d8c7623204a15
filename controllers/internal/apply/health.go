package apply

import (
	"context"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// Health is kstatus's word for one object, with a message for people.
type Health struct {
	Status  status.Status
	Message string
}

// Judge says how an object is, as Git has it for its kind.
type Judge func(ctx context.Context, object map[string]any) Health

// Current reports whether the object is as it should be.
func (h Health) Current() bool { return h.Status == status.CurrentStatus }

// Failed reports whether it will not become so by waiting.
func (h Health) Failed() bool { return h.Status == status.FailedStatus }

// Health reads an object and computes its status by kstatus. Passive kinds are
// not read: no Secret ever is.
func (l *Live) Health(ctx context.Context, id ID, gvk schema.GroupVersionKind) (Health, error) {
	if Passive(id) {
		return Health{Status: status.CurrentStatus}, nil
	}
	live, absent, err := l.whole(ctx, id, gvk)
	if live == nil {
		return absent, err
	}
	health, err := compute(id, live)
	if err != nil || health.Status != status.InProgressStatus {
		return health, err
	}
	if why, ok := rests(live); ok {
		return Health{Status: status.CurrentStatus, Message: why}, nil
	}
	if groupKind(id) == (schema.GroupKind{Kind: workload.Claim}) {
		return l.claimHealth(ctx, live, health)
	}
	return health, nil
}

// whole reads an object; without one it gives the health that says so. A kind that is
// served no more is no absence: the object may stand, and nobody can tell.
func (l *Live) whole(ctx context.Context, id ID, gvk schema.GroupVersionKind,
) (live *unstructured.Unstructured, absent Health, err error) {
	found, err := l.look(ctx, id, gvk, func(served schema.GroupVersionKind) error {
		live = &unstructured.Unstructured{}
		live.SetGroupVersionKind(served)
		return l.reader.Get(ctx, keyOf(id), live)
	})
	switch {
	case err != nil:
		return nil, Health{}, fmt.Errorf("read status of %s: %w", inventory.Describe(id), mask.Hinted(err))
	case !found:
		return nil, Health{Status: status.NotFoundStatus, Message: "not found"}, nil
	}
	return live, Health{}, nil
}

// HealthBy is [Live.Health] of an object whose kind Git judges itself. What judges
// sees the whole object: it is asked about no Secret.
func (l *Live) HealthBy(ctx context.Context, id ID, gvk schema.GroupVersionKind, judge Judge) (Health, error) {
	if judge == nil || groupKind(id) == (schema.GroupKind{Kind: workload.Secret}) {
		return l.Health(ctx, id, gvk)
	}
	live, absent, err := l.whole(ctx, id, gvk)
	if live == nil {
		return absent, err
	}
	return judge(ctx, live.Object), nil
}

// Exists is the health of a passive object: that it is there. Its data is not read.
func (l *Live) Exists(ctx context.Context, id ID, gvk schema.GroupVersionKind) (Health, error) {
	live, err := l.metadata(ctx, id, gvk)
	if err != nil || live != nil {
		return Health{Status: status.CurrentStatus}, err
	}
	return Health{Status: status.NotFoundStatus, Message: "not found"}, nil
}

func compute(id ID, live *unstructured.Unstructured) (Health, error) {
	if groupKind(id) == (schema.GroupKind{Group: batchv1.GroupName, Kind: "Job"}) {
		return jobHealth(live), nil
	}
	result, err := status.Compute(live)
	if err != nil {
		return Health{}, fmt.Errorf("compute status of %s: %w", inventory.Describe(id), err)
	}
	return Health{Status: result.Status, Message: result.Message}, nil
}

// jobHealth waits for a Job to end: kstatus alone calls a running one current.
func jobHealth(job *unstructured.Unstructured) Health {
	conditions, _, _ := unstructured.NestedSlice(job.Object, "status", "conditions")
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["status"] != "True" {
			continue
		}
		switch condition["type"] {
		case string(batchv1.JobComplete):
			return Health{Status: status.CurrentStatus}
		case string(batchv1.JobFailed):
			return Health{Status: status.FailedStatus, Message: "the Job failed"}
		}
	}
	return Health{Status: status.InProgressStatus, Message: "the Job has not ended"}
}
