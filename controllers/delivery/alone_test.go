package delivery

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/account"
)

// refuses begins a process that is refused what asks says, of Deployments.
func (h *history) refuses(reads, deletes error) {
	h.starts(&saboteur{})
	isWorkload := func(o client.Object) bool { return o.GetObjectKind().GroupVersionKind().Kind == "Deployment" }
	server := interceptor.NewClient(h.server.guarded.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			options ...client.GetOption) error {
			if isWorkload(o) && reads != nil {
				return reads
			}
			return c.Get(ctx, key, o, options...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			if isWorkload(o) && deletes != nil {
				return deletes
			}
			return c.Delete(ctx, o, options...)
		}})
	h.process.reader = server
	h.process.writers = &account.Writers{Config: h.process.writers.Config, Scheme: h.process.writers.Scheme,
		Mapper: h.process.writers.Mapper, Wrap: func(client.Client) client.Client { return server }}
}

func (h *history) isGone(kind schema.GroupVersionKind, name string) bool {
	h.t.Helper()
	live, err := h.server.live(h.ctx, kind, client.ObjectKey{Namespace: h.ns, Name: name})
	h.must(err)
	return live == nil
}

// TestWhatCannotBeRemovedKeepsNoRevokedValue: a workload that cannot be looked at, or that
// somebody's webhook keeps, is no reason for a Secret to stay that has nothing to do with it.
func TestWhatCannotBeRemovedKeepsNoRevokedValue(t *testing.T) {
	away := apierrors.NewServiceUnavailable("away")
	denied := apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "worker", nil)
	for name, c := range map[string]struct {
		reads, deletes error
		change         func(h *history)
	}{
		"it moves, and is away": {away, nil, func(h *history) {
			h.place("shop", h.seal("cache", map[string]string{"token": "1"}), h.configMap("rules", "1"))
			h.place("other", h.deployment("worker", "cache"))
		}},
		"it goes, and is away": {away, nil, func(h *history) {
			h.place("shop", h.seal("cache", map[string]string{"token": "1"}), h.configMap("rules", "1"))
		}},
		"it goes, and is kept": {nil, denied, func(h *history) {
			h.place("shop", h.seal("cache", map[string]string{"token": "1"}), h.configMap("rules", "1"))
		}},
		"its placement leaves, and it is kept": {nil, denied, func(h *history) { delete(h.git, "shop") }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, newModelServer(t), 1)
			h.change("shop begins", func() {
				h.place("shop", h.seal("db", map[string]string{"token": "1"}), h.seal("cache", map[string]string{"token": "1"}),
					h.deployment("worker", "cache"), h.configMap("rules", "1"))
			})
			h.rests()
			h.refuses(c.reads, c.deletes)
			h.change("db is revoked", func() { c.change(h) })
			for range 6 {
				h.pass("shop")
				h.clock = h.clock.Add(time.Minute)
			}
			if !h.isGone(modelKinds[0], "db") {
				t.Errorf("a revoked value stays: %s", describeConditions(h.delivery("shop")))
			}
			if said := message(h.delivery("shop")); !strings.Contains(said, "worker") {
				t.Errorf("nobody is told what stays: %s", describeConditions(h.delivery("shop")))
			}
			if h.isGone(modelKinds[3], "worker") {
				t.Error("the workload is gone")
			}
		})
	}
}

// TestARevocationWaitsForNothingElse: a commit takes a value away, and has something else that
// cannot come.
func TestARevocationWaitsForNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		change func(h *history)
	}{
		"a value that is not to be had": {v1alpha1.KeyServiceUnavailableReason, func(h *history) {
			h.unsealer.set(true)
			h.place("shop", h.seal("mail", map[string]string{"token": "9"}), h.configMap("rules", "1"))
		}},
		"what it depends on": {"DependencyNotReady", func(h *history) {
			h.place("third", h.configMap("extra", "1")).spec.Suspend = true
			h.place("shop", h.configMap("rules", "2")).spec.DependsOn = []api.PlacementReference{{Name: "third"}}
		}},
		"what another placement claims too": {v1alpha1.ConflictReason, func(h *history) {
			h.place("third", h.configMap("rules", "2"))
			h.place("shop", h.configMap("rules", "1"))
		}},
		"its time": {v1alpha1.WaitingForWindowReason, func(h *history) {
			h.place("shop", h.configMap("rules", "2")).spec.Windows = closed()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, newModelServer(t), 1)
			h.change("shop begins", func() {
				h.place("shop", h.seal("db", map[string]string{"token": "1"}), h.seal("cache", map[string]string{"token": "1"}),
					h.configMap("rules", "1"), h.configMap("texts", "1"))
			})
			h.rests()
			h.podOf("cache")
			h.maxShare = 90
			h.change("two values are revoked, and a ConfigMap goes", func() { c.change(h) })
			for range 6 {
				h.pass("shop")
				h.clock = h.clock.Add(time.Minute)
			}
			d := h.delivery("shop")
			if !h.isGone(modelKinds[0], "db") {
				t.Errorf("a revoked value stays: %s", describeConditions(d))
			}
			h.standsOf(&corev1.Secret{}, "cache")
			h.standsOf(&corev1.ConfigMap{}, "texts", "rules")
			if said := message(d); count(d, c.reason) == 0 || !strings.Contains(said, "cache") {
				t.Errorf("nobody is told what it waits for, or what is in use: %s", describeConditions(d))
			}
		})
	}
}

// TestAnAdoptedValueGoesThoughSomethingFails: the inventory has no content digest of a Secret
// that was adopted by its proof.
func TestAnAdoptedValueGoesThoughSomethingFails(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	h.change("shop begins", func() {
		h.place("shop", h.seal("db", map[string]string{"token": "1"}), h.configMap("rules", "1"), h.configMap("texts", "1"))
	})
	h.rests()
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: h.ns, Name: "extra"}}
	h.must(h.server.make(h.ctx, theirs))
	h.must(h.client.Delete(h.ctx, h.delivery("shop")))
	h.starts(&saboteur{})
	h.change("db is revoked, and something can never be made", func() {
		h.place("shop", h.configMap("rules", "1"), h.configMap("texts", "1"), h.configMap("extra", "1"))
	})
	h.rests()
	if !h.isGone(modelKinds[0], "db") {
		t.Errorf("a revoked value stays: %s", describeConditions(h.delivery("shop")))
	}
}

// TestWhatGitDroppedIsNotSaidToBeMadeAnew: an object that was adopted, and that a placement
// which does not build keeps.
func TestWhatGitDroppedIsNotSaidToBeMadeAnew(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	h.change("shop begins", func() { h.place("shop", h.configMap("conf", "1"), h.configMap("rules", "1")) })
	h.rests()
	h.must(h.client.Delete(h.ctx, h.delivery("shop")))
	h.starts(&saboteur{})
	h.change("conf is dropped, and other does not build", func() {
		h.place("shop", h.configMap("rules", "1"))
		h.place("other", h.configMap("texts", "1")).err = errBroken
	})
	h.pass("shop")
	d := h.delivery("shop")
	if said := message(d); count(d, "ReconciliationSucceeded") == 0 || strings.Contains(said, "on its way out") {
		t.Errorf("the status says %q", describeConditions(d))
	}
	if h.isGone(modelKinds[1], "conf") {
		t.Error("it is gone")
	}
}
