package delivery

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/kustomize"
)

// TestWhatCameBackHasItsWholeTimeWhenItGoesAgain: Git takes away a secret that a pod uses,
// places it again with another value, which is not to be had, and takes it away once more.
// The pass between the two came to no pruning. The time of the first is none of the second.
func TestWhatCameBackHasItsWholeTimeWhenItGoesAgain(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	db := func(version string) kustomize.Object { return h.seal("db", map[string]string{"token": version}) }
	stands := func() bool {
		live, err := h.server.live(h.ctx, modelKinds[0], client.ObjectKey{Namespace: "shop", Name: "db"})
		h.must(err)
		return live != nil
	}
	h.change("Git places a secret", func() { h.place("shop", db("1")) })
	h.pass("shop")
	h.podOf("db")
	h.change("Git takes it away", func() { delete(h.git, "shop") })
	h.pass("shop")
	h.unsealer.set(true)
	h.change("Git places it again, with another value", func() { h.place("shop", db("2")) })
	h.pass("shop")
	h.clock = h.clock.Add(2 * ruleTimeout)
	h.change("Git takes it away once more", func() { delete(h.git, "shop") })
	h.pass("shop")
	if !stands() {
		t.Error("it is gone at once, and a pod names it")
	}
	h.clock = h.clock.Add(ruleTimeout + time.Second)
	if h.pass("shop"); stands() {
		t.Error("it stands after its time")
	}
	if t.Failed() {
		t.Log(strings.Join(h.trail, "\n"))
	}
}

// TestGitsLastWordOfWhatStaysCounts: a placement that does not prune says that it does, or
// the other way round, and leaves before a pass has taken that up.
func TestGitsLastWordOfWhatStaysCounts(t *testing.T) {
	for _, prunes := range []bool{true, false} {
		h := newHistory(t, newModelServer(t), 1)
		say := func(prunes bool) {
			h.place("shop", h.configMap("conf", "1")).spec.Prune = &prunes
		}
		h.change("Git places an object", func() { say(!prunes) })
		h.pass("shop")
		h.change("Git says the opposite", func() { say(prunes) })
		h.change("Git takes it away", func() { delete(h.git, "shop") })
		h.pass("shop")
		live, err := h.server.live(h.ctx, modelKinds[1], client.ObjectKey{Namespace: "shop", Name: "conf"})
		if h.must(err); (live == nil) != prunes {
			t.Errorf("Git's last word is prune: %v, and the object stands: %v\n%s", prunes, live != nil,
				strings.Join(h.trail, "\n"))
		}
	}
}
