package notify

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/notify"
)

// told keeps what it was offered last.
type told struct{ last *notify.Notice }

func (s *told) Offer(n notify.Notice)    { s.last = &n }
func (s *told) Run(context.Context)      {}
func (s *told) take() (n *notify.Notice) { n, s.last = s.last, nil; return n }

// How things stand at the start is no news, and neither is a message that counts.
func TestWhatChangesIsNews(t *testing.T) {
	told := &told{}
	w := &Watcher{Senders: []Sender{told}, last: map[string]notify.Notice{}}
	see := func(initial bool, status metav1.ConditionStatus, reason, message string) bool {
		d := &v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "bulla-system", Generation: 1}}
		d.Spec.Revision = "main@sha1:0123456789abcdef0123456789abcdef01234567"
		d.Status.Conditions = []metav1.Condition{
			{Type: "Ready", Status: status, Reason: reason, Message: message, ObservedGeneration: 1},
		}
		w.see(d, initial)
		return told.take() != nil
	}
	w.see(&v1alpha1.FleetSync{Spec: v1alpha1.FleetSyncSpec{ClusterName: "prod-eu"}}, true)
	for _, step := range []struct {
		what    string
		initial bool
		status  metav1.ConditionStatus
		reason  string
		message string
		told    bool
	}{
		{"the state at the start", true, metav1.ConditionFalse, "BuildFailed", "", false},
		{"it works on it", false, metav1.ConditionUnknown, "Progressing", "", false},
		{"another second", false, metav1.ConditionFalse, "BuildFailed", "for 2s", false},
		{"another reason", false, metav1.ConditionFalse, "UnsealDenied", "", true},
		{"ready", false, metav1.ConditionTrue, "ReconciliationSucceeded", "", true},
		{"ready, in other words", false, metav1.ConditionTrue, "Fine", "for 3s", false},
		{"broken again", false, metav1.ConditionFalse, "BuildFailed", "", true},
	} {
		if got := see(step.initial, step.status, step.reason, step.message); got != step.told {
			t.Errorf("%s: told %v, want %v", step.what, got, step.told)
		}
	}
	if w.cluster != "prod-eu" {
		t.Errorf("the cluster is %q", w.cluster)
	}
}
