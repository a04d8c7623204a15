package fleetsync

import (
	"strings"
	"testing"

	"github.com/fluxcd/pkg/runtime/conditions"
	"k8s.io/client-go/tools/record"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/unseal"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// tellingService says which commit it follows.
type tellingService struct {
	silentService

	said *keyservice.Follows
}

func (s *tellingService) Follows() (f keyservice.Follows, ok bool) {
	if s.said == nil {
		return f, false
	}
	return *s.said, true
}

// TestAFleetSyncSaysThatTheKeyServiceFollowsAnotherCommit: where both stand, and what to
// do. What cannot be known changes nothing.
func TestAFleetSyncSaysThatTheKeyServiceFollowsAnotherCommit(t *testing.T) {
	service, events := &tellingService{}, record.NewFakeRecorder(16)
	r := &Reconciler{Options: Options{Link: unseal.NewLink(service), Recorder: events}}
	obj := &v1alpha1.FleetSync{}
	step := func(what string, said *keyservice.Follows, spec v1alpha1.FleetSyncSpec, want string, told bool) {
		t.Helper()
		service.said, obj.Spec = said, spec
		r.compareRef(&pass{obj: obj})
		got := conditions.Get(obj, v1alpha1.RefDiffersCondition)
		switch {
		case want == "" && got != nil:
			t.Errorf("%s: %s", what, got.Message)
		case want != "" && (got == nil || got.Status != "True" || got.Reason != v1alpha1.RefDiffersReason ||
			!strings.HasPrefix(got.Message, want+": ") || !strings.Contains(got.Message, "; hint: ")):
			t.Errorf("%s: %+v, want %q", what, got, want)
		}
		if n := len(events.Events); (n > 0) != told {
			t.Errorf("%s: %d events", what, n)
		}
		for len(events.Events) > 0 {
			<-events.Events
		}
	}
	spec := func(ref, tag, semver string) v1alpha1.FleetSyncSpec {
		return v1alpha1.FleetSyncSpec{Ref: ref, Tag: tag, SemVer: semver}
	}
	main := &keyservice.Follows{Ref: "main"}
	step("it does not say", nil, spec("", "v1", ""), "", false)
	step("the same, spelled otherwise", main, spec("refs/heads/main", "", ""), "", false)
	step("the same by default", &keyservice.Follows{Ref: "refs/heads/main"}, spec("", "", ""), "", false)
	newest := `the key service follows the newest commit of ref "main", and this FleetSync `
	step("a tag", main, spec("", "v1", ""), newest+`the tag "v1" of ref "main"`, true)
	step("as before", main, spec("", "v1", ""), newest+`the tag "v1" of ref "main"`, false)
	step("it does not say any more", nil, spec("", "v1", ""), newest+`the tag "v1" of ref "main"`, false)
	step("versions", main, spec("", "", "1.x"), newest+`the tags "1.x" (semver) of ref "main"`, true)
	step("another branch", main, spec("next", "", ""), newest+`the newest commit of ref "next"`, true)
	step("two ranges", &keyservice.Follows{Ref: "main", SemVer: "2.x"}, spec("", "", "1.x"),
		`the key service follows the tags "2.x" (semver) of ref "main", and this FleetSync the tags "1.x" (semver) of `+
			`ref "main"`, true)
	step("mended", &keyservice.Follows{Ref: "main", SemVer: "1.x"}, spec("", "", "1.x"), "", false)
}
