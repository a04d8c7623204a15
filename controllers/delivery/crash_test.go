package delivery

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
)

// fault is what happens to one write of a process.
type fault int

const (
	// dies: the process ends just before the write; nothing it would do after
	// that happens.
	dies fault = iota
	// fails: the write does not reach the API server, the process goes on.
	fails
	// persists: the write is done, and its answer is lost.
	persists
	// diesAndReverts: the process ends, and before the next one begins Git goes
	// back to where it was: what came half-way must be found and taken away.
	diesAndReverts
)

var errFault = errors.New("injected fault")

// saboteur counts the writes of a process and lets one of them go wrong.
type saboteur struct {
	mu    sync.Mutex
	kind  fault
	at    int
	count int
	dead  bool
	// then happens with the fault.
	then func()
}

// write runs one write, or what the fault makes of it.
func (s *saboteur) write(do func() error) error {
	s.mu.Lock()
	s.count++
	hit := s.count == s.at
	s.dead = s.dead || hit && (s.kind == dies || s.kind == diesAndReverts)
	dead := s.dead
	s.mu.Unlock()
	if hit && s.then != nil {
		defer s.then()
	}
	if dead || hit && s.kind == fails {
		return errFault
	}
	err := do()
	if hit && s.kind == persists {
		return errFault
	}
	return err
}

// strike is a fault at a write from now on, and what happens with it.
func (s *saboteur) strike(at int, then func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count, s.at, s.then = 0, at, then
}

func (s *saboteur) reached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count >= s.at
}

func (s *saboteur) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

func (s *saboteur) wrap(c client.Client) client.Client { return &sabotaged{Client: c, by: s} }

// sabotaged is a client whose writes go through a saboteur.
type sabotaged struct {
	client.Client
	by *saboteur
}

func (c *sabotaged) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	return c.by.write(func() error { return c.Client.Create(ctx, o, opts...) })
}

func (c *sabotaged) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	return c.by.write(func() error { return c.Client.Delete(ctx, o, opts...) })
}

func (c *sabotaged) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	return c.by.write(func() error { return c.Client.Update(ctx, o, opts...) })
}

func (c *sabotaged) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	return c.by.write(func() error { return c.Client.Patch(ctx, o, p, opts...) })
}

func (c *sabotaged) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	return c.by.write(func() error { return c.Client.Apply(ctx, o, opts...) })
}

func (c *sabotaged) Status() client.SubResourceWriter {
	return &sabotagedStatus{SubResourceWriter: c.Client.Status(), by: c.by}
}

type sabotagedStatus struct {
	client.SubResourceWriter
	by *saboteur
}

func (c *sabotagedStatus) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
	return c.by.write(func() error { return c.SubResourceWriter.Patch(ctx, o, p, opts...) })
}

// life is one process, driven by hand: every Delivery in turn, as often as it
// takes.
type life struct {
	w *deliveryWorld
	r *Reconciler
}

// lives makes the processes of a world, over one manager and one watch that hold
// the caches: a list of each kind, and the wait for it, is not what a fault is about.
// Events are those of the process that was born last.
func (w *deliveryWorld) lives() (born func(*saboteur) *life) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	mgr := w.manager(ctx)
	var last atomic.Pointer[Reconciler]
	watcher, err := drift.New(mgr.GetConfig(), mgr.GetScheme(), mgr.GetRESTMapper(), func(e drift.Event) {
		if r := last.Load(); r != nil {
			r.onEvent(e)
		}
	})
	w.must(err)
	w.must(mgr.Add(watcher))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		w.t.Fatal("the caches do not sync")
	}
	return func(s *saboteur) *life {
		w.t.Helper()
		options := w.options()
		if s != nil {
			options.wrap = s.wrap
		}
		r, err := newDeliveryReconciler(mgr, options)
		w.must(err)
		r.watcher = watcher
		last.Store(r)
		return &life{w: w, r: r}
	}
}

// converge drives the process until the world is settled, or until it is dead.
func (l *life) converge(s *saboteur, names ...string) {
	l.w.t.Helper()
	eventually(l.w.t, "the process converges", func() error {
		for _, name := range names {
			key := client.ObjectKey{Namespace: l.w.system, Name: name}
			_, err := l.r.Reconcile(l.w.t.Context(), reconcile.Request{NamespacedName: key})
			if s.isDead() {
				return nil
			}
			if err != nil && !errors.Is(err, errFault) {
				l.w.t.Logf("reconcile %s: %v", name, err)
			}
		}
		return l.w.settledNow()
	})
}

// states are what Git says in turn: more, other, nothing.
func (w *deliveryWorld) states() []map[string][]kustomize.Object {
	stays := w.seal("stays", map[string]string{"token": "never changes"})
	one, two := w.seal("db", map[string]string{"password": "one"}), w.seal("db", map[string]string{"password": "two"})
	return []map[string][]kustomize.Object{
		{
			"shop":  {stays, one, w.idle("api", "db"), w.configMap("settings", "1"), w.configMap("old", "1"), w.seal("gone", map[string]string{"x": "going"}), w.idle("worker", "gone")},
			"other": {w.configMap("moves", "1"), w.configMap("b", "1")},
		},
		{
			"shop":  {stays, two, w.idle("api", "db"), w.configMap("settings", "2"), w.configMap("new", "1"), w.configMap("moves", "1")},
			"other": {w.configMap("b", "1")},
		},
		{"other": {w.configMap("b", "2")}},
	}
}

// idle is a Deployment without pods: quick to come and go.
func (w *deliveryWorld) idle(name, secret string) kustomize.Object {
	o := w.deployment(name, secret)
	o.Object["spec"].(map[string]any)["replicas"] = int64(0)
	return o
}

func TestAFaultAtAnyWriteIsRecoveredFrom(t *testing.T) {
	for name, kind := range map[string]fault{
		"killed before it": dies, "it fails": fails, "it persists and its answer is lost": persists,
		"killed before it, and Git goes back": diesAndReverts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newDeliveryWorld(t)
			w.alien(w.configMap("theirs", "x"))
			born, states := w.lives(), w.states()
			for at := 1; ; at++ {
				reached := false
				for i, state := range states {
					if w.transit(born, &saboteur{kind: kind, at: at}, states[(i+len(states)-1)%len(states)], state) {
						reached = true
					}
					if t.Failed() {
						t.Fatalf("write %d on the way to state %d", at, i)
					}
				}
				if !reached {
					break
				}
			}
		})
	}
}

// transit takes the cluster from one state of Git to the next with one fault
// on the way, and checks it. It reports whether the fault happened.
func (w *deliveryWorld) transit(born func(*saboteur) *life, s *saboteur, from, to map[string][]kustomize.Object) bool {
	w.t.Helper()
	kept := map[string]string{}
	if len(w.git) > 0 {
		kept = w.versions()
	}
	stays := w.turn(from, to)
	names := []string{"shop", "other"}
	born(s).converge(s, names...)
	if s.isDead() {
		if s.kind == diesAndReverts {
			w.turn(to, from)
		}
		sane := &saboteur{}
		born(sane).converge(sane, names...)
	}
	w.check()
	for id, version := range w.versions() {
		if before, ok := kept[id]; ok && stays[id] && uidOf(before) != uidOf(version) {
			w.t.Errorf("%s stands in both states and was deleted between them", id)
		}
	}
	if s.isDead() && s.kind == diesAndReverts {
		w.turn(from, to)
		sane := &saboteur{}
		born(sane).converge(sane, names...)
		w.check()
	}
	return s.reached()
}

// turn commits a state of Git; it gives the objects that stand in both.
func (w *deliveryWorld) turn(from, to map[string][]kustomize.Object) map[string]bool {
	w.t.Helper()
	before, stays := map[string]bool{}, map[string]bool{}
	for _, objects := range from {
		for _, o := range objects {
			before[o.ID().String()] = true
		}
	}
	clear(w.git)
	for name, objects := range to {
		w.place(name, objects...)
		for _, o := range objects {
			stays[o.ID().String()] = before[o.ID().String()]
		}
	}
	w.commit()
	return stays
}

func uidOf(version string) string { return strings.Split(version, "@")[0] }

func TestAnotherProcessThatLostItsLeaseWritesNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	born := w.lives()
	w.place("shop", w.configMaps("a", "b")...)
	w.commit()
	sane := &saboteur{}
	first := born(sane)
	first.converge(sane, "shop")

	// The old process has read the Delivery, and sleeps; the new one works.
	old, slept := born(nil), make(chan struct{})
	woken := make(chan struct{})
	old.r.options.MACKey = func(context.Context) ([]byte, error) {
		close(slept)
		<-woken
		return w.key, nil
	}
	w.place("shop", append(w.configMaps("a", "b"), w.configMap("c", "1"))...)
	w.commit()
	done := make(chan error, 1)
	key := client.ObjectKey{Namespace: w.system, Name: "shop"}
	go func() {
		_, err := old.r.Reconcile(context.Background(), reconcile.Request{NamespacedName: key})
		done <- err
	}()
	<-slept
	w.place("shop", append(w.configMaps("a", "b"), w.configMap("d", "1"))...)
	w.commit()
	current := born(sane)
	current.converge(sane, "shop")
	close(woken)
	wait.Receive(t, "the old process ends", done)
	w.check()
}
