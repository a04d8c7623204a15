package keyservice_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Whoever asks how the service is hears what its readiness says, and of each webhook
// when it was heard: one with another secret at the forge is as silent as one that
// nobody pushed for.
func TestTheServiceSaysToPeopleHowItIs(t *testing.T) {
	w := newWorld(t)
	w.eventually("ready", w.isReady)
	dev := w.person("dev", config.RoleDeveloper)
	parts := func() (version string, all map[string]*keyservicev1.ServicePart) {
		t.Helper()
		out, err := dev.admin.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if skew := time.Since(time.UnixMicro(out.GetTime())); skew < 0 || skew > time.Minute {
			t.Errorf("its clock is %s off", skew)
		}
		if roles := out.GetRoles(); len(roles) != 1 || roles[0] != string(config.RoleDeveloper) {
			t.Errorf("a developer is told to be %v", roles)
		}
		if end := time.UnixMicro(out.GetAuthorityNotAfter()); !end.Equal(w.service.Authority().NotAfter) {
			t.Errorf("the authority ends on %s", end)
		}
		all = map[string]*keyservicev1.ServicePart{}
		for _, part := range out.GetParts() {
			all[part.GetName()] = part
		}
		return out.GetVersion(), all
	}
	version, all := parts()
	if version != "v0.1.0-test" {
		t.Errorf("version %q", version)
	}
	for _, line := range strings.Split(strings.TrimSpace(w.get("/readyz")), "\n") {
		name, is := strings.CutPrefix(line, "ok: ")
		if !is || all[name].GetFitness() != keyservicev1.Fitness_FITNESS_OK {
			t.Errorf("readiness says %q, and people are told %v", line, all[name])
		}
	}
	const hook = "webhook forge"
	if all[hook].GetFitness() != keyservicev1.Fitness_FITNESS_NOTE {
		t.Errorf("before the first push: %v", all[hook])
	}
	w.tell("another secret", `{}`)
	if _, all = parts(); all[hook].GetFitness() != keyservicev1.Fitness_FITNESS_NOTE {
		t.Errorf("after a forged one: %v", all[hook])
	}
	if got := w.tell(hookSecret, `{}`); got != http.StatusAccepted {
		t.Fatalf("status %d", got)
	}
	if _, all = parts(); all[hook].GetFitness() != keyservicev1.Fitness_FITNESS_OK ||
		!strings.HasPrefix(all[hook].GetSays(), "heard ") {
		t.Errorf("after the forge's own: %v", all[hook])
	}
}
