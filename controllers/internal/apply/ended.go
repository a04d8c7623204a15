package apply

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// Ended says how the run of an object ended, "" while it goes on or when the
// object is not there. entry is what the inventory has of it.
func (l *Live) Ended(ctx context.Context, o Object, entry v1alpha1.InventoryEntry) (string, error) {
	live, _, err := l.whole(ctx, o.ID, o.Manifest.GroupVersionKind())
	switch {
	case err != nil:
		return "", explain(o, "read", err)
	case live == nil:
		return "", nil
	}
	return ownEnd(live, entry), nil
}

// ownEnd is the end that a run came to by itself. One that is deleted as it runs loses its
// pods, which reads as a failure, and a Pod that is told to stop may even succeed: it is
// made again. So is what does not count as applied, however the one that goes ended.
func ownEnd(live *unstructured.Unstructured, entry v1alpha1.InventoryEntry) string {
	end, at := endOf(live)
	deletion := live.GetDeletionTimestamp()
	if deletion == nil {
		return end
	}
	told := deletion.Time
	if grace := live.GetDeletionGracePeriodSeconds(); grace != nil {
		told = told.Add(-time.Duration(*grace) * time.Second)
	}
	if entry.Applied == "" || at.After(told) {
		return ""
	}
	return end
}

// endOf reads the end of a run where Kubernetes and kinds like its own write it, and when
// that was; zero where nobody says.
func endOf(live *unstructured.Unstructured) (end string, at time.Time) {
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["status"] != "True" {
			continue
		}
		switch condition["type"] {
		case "Complete", "Completed", "Succeeded":
			return RunComplete, timeIn(condition, "lastTransitionTime")
		case "Failed":
			return RunFailed, timeIn(condition, "lastTransitionTime")
		}
	}
	switch phase, _, _ := unstructured.NestedString(live.Object, "status", "phase"); phase {
	case "Succeeded", "Completed", "Complete":
		return RunComplete, stopped(live)
	case "Failed", "Error":
		return RunFailed, stopped(live)
	}
	return "", time.Time{}
}

// stopped is when the last of a Pod's containers did.
func stopped(pod *unstructured.Unstructured) (last time.Time) {
	containers, _, _ := unstructured.NestedSlice(pod.Object, "status", "containerStatuses")
	for _, item := range containers {
		container, _ := item.(map[string]any)
		if at := timeIn(container, "state", "terminated", "finishedAt"); at.After(last) {
			last = at
		}
	}
	return last
}

func timeIn(in map[string]any, path ...string) time.Time {
	text, _, _ := unstructured.NestedString(in, path...)
	at, _ := time.Parse(time.RFC3339, text) // zero for what is none
	return at
}
