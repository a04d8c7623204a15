package delivery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/kustomize"
)

// remembering ends passes of one Delivery, one minute apart.
func remembering() (d *v1alpha1.Delivery, end func(digest, revision string, result error)) {
	d = &v1alpha1.Delivery{}
	var again loop.Again
	clock := time.Unix(1_800_000_000, 0)
	return d, func(digest, revision string, result error) {
		clock = clock.Add(time.Minute)
		d.Spec.BuildDigest, d.Spec.Revision = digest, revision
		placed := &kustomize.Placed{Placement: &api.Placement{}}
		e := &ending{record: record.Desk{}.Open(d), mem: &memory{}, stand: &stand{}, aim: &aim.Aim{Placed: placed},
			again: &again, now: func() time.Time { return clock }, began: clock.Add(-2 * time.Second)}
		e.state(result)
	}
}

// The history says how builds ended, and an idle pass adds nothing to it: a status that
// differs is a write.
func TestTheHistoryHasHowBuildsEnded(t *testing.T) {
	d, end := remembering()
	end("sha256:1", "main@sha1:1", loop.Progressing("not yet"))
	end("sha256:1", "main@sha1:1", loop.Waiting("ApplyFailed", "refused"))
	end("sha256:1", "main@sha1:1", loop.Waiting("ApplyFailed", "refused"))
	end("sha256:1", "main@sha1:1", nil)
	settled := d.Status.DeepCopy()
	end("sha256:1", "main@sha1:2", nil)
	end("sha256:1", "main@sha1:2", loop.Stalled(v1alpha1.SuspendedReason, "suspended"))
	got, want := d.Status.History, settled.History
	if len(got) != 2 || !got[0].LastReconciled.Equal(&want[0].LastReconciled) {
		t.Errorf("passes that found everything as it was changed the history: %+v", got)
	}
	last, before := settled.History[0], settled.History[1]
	if last.LastReconciledStatus != meta.ReconciliationSucceededReason || last.Digest != "sha256:1" ||
		last.Metadata["revision"] != "main@sha1:1" || last.LastReconciledDuration.Duration != 2*time.Second {
		t.Errorf("the last attempt is %+v", last)
	}
	if before.LastReconciledStatus != "ApplyFailed" || before.TotalReconciliations != 2 {
		t.Errorf("the attempts before are %+v", before)
	}
	for i := range 20 {
		end(fmt.Sprintf("sha256:%d", i+2), "main@sha1:3", nil)
	}
	if got := d.Status.History; len(got) != 5 || got[0].Digest != "sha256:21" {
		t.Errorf("the history has %d entries, and begins with %s; want 5, the newest first", len(got), got[0].Digest)
	}
}

func TestHealthHasAConditionOfItsOwn(t *testing.T) {
	d := &v1alpha1.Delivery{}
	for _, one := range []struct {
		asked  bool
		unwell error
		want   string
	}{
		{true, loop.Progressing("one is InProgress"), "Unknown Progressing one is InProgress"},
		{true, loop.Stalled(meta.HealthCheckFailedReason, "one failed"), "False HealthCheckFailed one failed"},
		{true, nil, "True Succeeded everything that is waited for is well"},
		{false, nil, ""},
	} {
		healthy(d, one.asked, one.unwell)
		got := ""
		if c := conditions.Get(d, meta.HealthyCondition); c != nil {
			got = strings.Join([]string{string(c.Status), c.Reason, c.Message}, " ")
		}
		if got != one.want {
			t.Errorf("the condition is %q, want %q", got, one.want)
		}
	}
}

// A revision that is begun and does not get through is told from the one that stands.
func TestWhatWasAttemptedIsToldFromWhatStands(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMap("a", "1"))
	first := w.commit()
	w.settled()
	w.unsealer.set(true)
	w.place("shop", w.configMap("a", "2"), w.seal("db", map[string]string{"password": "one"}))
	second := w.commit()
	d := w.reason("shop", v1alpha1.KeyServiceUnavailableReason)
	if d.Status.LastAppliedRevision != first || d.Status.LastAttemptedRevision != second {
		t.Errorf("applied %s, attempted %s; want %s and %s",
			d.Status.LastAppliedRevision, d.Status.LastAttemptedRevision, first, second)
	}
	w.unsealer.set(false)
	w.settled()
	d = w.delivery("shop")
	if d.Status.LastAppliedRevision != second || !conditions.IsTrue(d, meta.HealthyCondition) ||
		d.Status.History[0].LastReconciledStatus != meta.ReconciliationSucceededReason {
		t.Errorf("the status is %+v", d.Status)
	}
}
