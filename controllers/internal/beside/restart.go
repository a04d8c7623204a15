package beside

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
)

// FieldManager is the name under which another deployer's workload is restarted.
const FieldManager = "bulla-restart"

// Deed says what came of a look at one workload and one Secret.
type Deed int

const (
	// Nothing was to do. The pods run for these values.
	Nothing Deed = iota
	// Noted says that it was seen for the first time. Nobody knows for which values its pods
	// run; they are taken to be right, or a new controller would restart everything.
	Noted
	// Restarted says that its pods ran for other values.
	Restarted
)

// Seen says whether it is noted for which values of a Secret the workload runs.
func (w Workload) Seen(secret inventory.ID) bool {
	return w.annotations[apply.ContentKey(secret.Name)] != ""
}

// Differs says whether the workload is known to run for values other than these.
func (w Workload) Differs(secret inventory.ID, content string) bool {
	return w.rolls && w.Keeps[secret] && w.Seen(secret) && w.annotations[apply.ContentKey(secret.Name)] != content
}

// Runs is the workload once it is noted that it runs for these values.
func (w Workload) Runs(secret inventory.ID, content string) Workload {
	w.annotations = maps.Clone(w.annotations)
	if w.annotations == nil {
		w.annotations = map[string]string{}
	}
	w.annotations[apply.ContentKey(secret.Name)] = content
	return w
}

// UID is the workload's.
func (w Workload) UID() string { return w.uid }

// Restart has the workload's pods run for the values of a Secret, whose content digest
// is given. It is one request or none, so that a crash leaves nothing half done, and
// doing it again does nothing. A workload that is gone, or another by now, is left.
func (w Workload) Restart(ctx context.Context, writer client.Client, secret inventory.ID, content string,
) (Deed, error) {
	key, seen := apply.ContentKey(secret.Name), w.Seen(secret)
	if w.annotations[key] == content || !w.rolls || !w.Keeps[secret] {
		return Nothing, nil
	}
	annotations := map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: content}}}
	patch := map[string]any{"metadata": map[string]any{
		"uid": w.uid, "annotations": map[string]any{key: content},
	}}
	if seen {
		patch["spec"] = map[string]any{"template": annotations}
	}
	body, err := json.Marshal(patch)
	if err != nil {
		return Nothing, fmt.Errorf("restart %s: %w", inventory.Describe(w.ID), err)
	}
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(w.Kind)
	live.SetNamespace(w.ID.Namespace)
	live.SetName(w.ID.Name)
	// What the API server and its webhooks say may quote the workload's environment.
	ctx = logr.NewContext(ctx, logr.Discard())
	err = writer.Patch(ctx, live, client.RawPatch(types.MergePatchType, body), client.FieldOwner(FieldManager))
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return Nothing, nil
	case apierrors.IsForbidden(err):
		return Nothing, fmt.Errorf("restart %s, which reads %s: %w; hint: let the placement's account patch %ss there, or "+
			"take restart out of the stub", inventory.Describe(w.ID), inventory.Describe(secret),
			mask.APIError(w.ID, err), w.ID.Kind)
	case err != nil:
		return Nothing, fmt.Errorf("restart %s, which reads %s: %w", inventory.Describe(w.ID),
			inventory.Describe(secret), mask.APIError(w.ID, err))
	case seen:
		return Restarted, nil
	}
	return Noted, nil
}
