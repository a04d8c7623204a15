package fleetsync

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// A condition says which annotation takes a head, so that it can be copied.
func TestARefusedHistoryNamesTheAnnotationThatAcceptsIt(t *testing.T) {
	accepted, tip := strings.Repeat("a", 40), strings.Repeat("b", 40)
	obj := &v1alpha1.FleetSync{Status: v1alpha1.FleetSyncStatus{Head: "main@sha1:" + accepted}}
	annotation := v1alpha1.AcceptRewriteAnnotation + "=" + accepted + ".." + tip
	for reason, want := range map[follow.Reason]struct{ reason, why string }{
		follow.Rewritten: {v1alpha1.HistoryRewrittenReason, "does not descend from the accepted main@sha1:" + accepted},
		follow.TooLong:   {v1alpha1.HistoryTooLongReason, "push in smaller steps, or the annotation"},
	} {
		err := refusedHead(obj, &follow.Refusal{Head: tip, Reason: reason, Err: errors.New("the cause")})
		var ended *loop.Error
		if !errors.As(err, &ended) || ended.Reason != want.reason || ended.Intent != loop.Stall {
			t.Errorf("%s: %#v", reason, err)
			continue
		}
		for _, part := range []string{want.why, annotation, tip} {
			if !strings.Contains(ended.Message, part) {
				t.Errorf("%s: %q is not in %q", reason, part, ended.Message)
			}
		}
		// What it says is what is obeyed.
		obj.Annotations = map[string]string{v1alpha1.AcceptRewriteAnnotation: accepted + ".." + tip}
		if got := acceptedRewrite(obj, accepted); got != tip {
			t.Errorf("the annotation accepts %q", got)
		}
	}
}
