package delivery

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	events "k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/account"
	"github.com/bulla-dev/bulla/controllers/internal/adoption"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/kustomize"
)

var (
	histories = flag.Int("histories", 60, "how many random histories of a cluster are lived through")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first history; the others follow it")
)

// keptSeeds are histories that broke a rule once.
// Without its guard, a removal in two parts passes in the first. In the two after it
// something came back and left again between two passes, which the rules took for seen.
// Then it was seen, by a pass that waited for a value, and the clock ran on. In 1612
// somebody deletes the Delivery of a placement that left a suspended cluster, and in the
// next no pass took up that a placement prunes again before it left. In 52324 an object
// moves to where it is never taken and is dropped there, after consent to its move. In 1898
// a build brings back a workload that is on its way out, and waits for its turn. In the
// two after it the process dies in making an object, and its placement leaves it behind. In
// 59205 somebody deletes the Delivery of a placement whose build was cut short. In
// 64458 the process dies before it takes up what was left behind, and Git drops that again.
// In 185464 a placement is given a workload that is on its way out, applies to it, and
// takes it for standing when its next build has to wait. In 251844 that workload is of the
// build that began while it might, which the rules took for another. In 227351 Git
// gives an object to another placement and back so often that it was taken for a fight. In
// the last a build that had its time met nothing new of what goes, which the rules missed.
var keptSeeds = []uint64{107, 550, 51402, 722, 1612, 52136, 52324, 1898, 52711, 54044, 59205, 64458, 185464,
	251844, 227351, 312959}

// TestWhatMayBeDeletedInAnyHistory is the statement of when deletion may happen. Git,
// people, other deployers, pods, the clock and the process do what they like, in any
// order, and writes fail or are lost; after every write and every step the rules of
// [rules] are asked. At the end everybody is reasonable for a while, and exactly what
// Git places stands.
func TestWhatMayBeDeletedInAnyHistory(t *testing.T) {
	seeds := slices.Clone(keptSeeds)
	for n := range *histories {
		seeds = append(seeds, *firstSeed+uint64(n))
	}
	var total tally
	for n, seed := range seeds {
		h := newHistory(t, newModelServer(t), seed)
		h.live()
		total.add(h.tally)
		if t.Failed() {
			h.sumUp()
			t.Fatalf("history %d (go test -run %s -histories 1 -seed %d ./controllers/delivery):\n%s",
				seed, t.Name(), seed, strings.Join(h.trail, "\n"))
		}
		if (n+1)%1000 == 0 {
			t.Logf("%d of %d histories, the last of seed %d: %+v", n+1, len(seeds), seed, total)
		}
	}
	t.Logf("%d histories: %+v", len(seeds), total)
	if *histories < 60 {
		return // one that is lived again
	}
	for what, n := range total.all() {
		if n == 0 {
			t.Errorf("the histories do not meet what they are about: %s never happened: %+v", what, total)
		}
	}
}

// TestAnObjectThatMovesBeforeItIsProvedIsHandedOver: the process is cut off between
// making an object and proving whose it is, and Git gives it to another placement.
func TestAnObjectThatMovesBeforeItIsProvedIsHandedOver(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	moves := h.configMap("conf", "1")
	h.change("shop has it", func() { h.place("shop", moves) })
	h.starts(&saboteur{kind: fails, at: 3}) // the status, the object, the proof
	h.pass("shop")
	if !h.saboteur.reached() {
		t.Fatal("nothing failed")
	}
	h.change("other has it", func() { h.place("shop"); h.place("other", moves) })
	for range 4 {
		h.pass("other")
		h.pass("shop")
		h.clock = h.clock.Add(time.Minute)
	}
	if h.rules.equal(); t.Failed() {
		t.Log(strings.Join(h.trail, "\n"))
	}
}

// tally counts what the histories met.
type tally struct {
	Steps, Passes, Applies, Made, Deletes, Crashes, Faults, Foreign, InUse, Guarded int
	// Windows and Waves are passes that ended by one, Variants changes of one.
	Windows, Waves, Variants int
	// Revoked are sealed objects that went while their build was held, Kept plain ones that
	// stayed meanwhile, TookAway those of a build that only took away, though it would be.
	Revoked, Kept, TookAway int
	// Orphans are objects that stay by deletionPolicy: Orphan, Unpruned by prune: false.
	Orphans, Unpruned int
	// GitConsents are lines of fleet.yaml, Covered deletions that only such a line lets go.
	GitConsents, Covered int
	// TakenBack are changes that took objects from a placement that could not follow.
	TakenBack int
}

// all gives each count by its name.
func (a *tally) all() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for v, i := reflect.ValueOf(*a), 0; i < v.NumField() && yield(v.Type().Field(i).Name, v.Field(i).Int()); i++ {
		}
	}
}

func (a *tally) add(b tally) {
	for what, n := range b.all() {
		sum := reflect.ValueOf(a).Elem().FieldByName(what)
		sum.SetInt(sum.Int() + n)
	}
}

// history is one cluster's.
type history struct {
	*deliveryWorld
	rules    *rules
	server   *modelServer
	rng      *rand.Rand
	seed     uint64
	clock    time.Time
	process  *Reconciler
	saboteur *saboteur
	trail    []string
	tally    tally
	ctx      context.Context
	waves    *waves
}

func newHistory(t *testing.T, server *modelServer, seed uint64) *history {
	t.Helper()
	h := &history{waves: &waves{turn: map[string]bool{}, given: map[string]bool{}}, server: server, seed: seed,
		rng: rand.New(rand.NewPCG(seed, 0)), clock: time.Now(),
		ctx: logf.IntoContext(t.Context(), logr.Discard())}
	h.deliveryWorld = &deliveryWorld{t: t, fleet: "fleet", system: "bulla-system", ns: "shop",
		snapshots: &view.Snapshots{}, unsealer: newTableUnsealer(), git: map[string]*app{},
		builds: map[string]*kustomize.Build{}, key: []byte("a key of the cluster"), maxShare: 50}
	h.client = interceptor.NewClient(server.raw, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			o.SetUID(server.newUID())
			return c.Create(ctx, o, options...)
		}})
	h.rules = newRules(h)
	server.applies, server.deletes, server.taken = h.rules.applies, h.rules.deletes, h.taken
	h.starts(&saboteur{})
	h.snapshots.OnStore(func(previous, next *view.Snapshot) { h.process.onStore(previous, next) })
	h.change("Git begins", func() {})
	return h
}

// starts begins a process that remembers nothing.
func (h *history) starts(s *saboteur) {
	own, reader := s.wrap(h.server.guarded), h.server.guarded
	h.saboteur = s
	h.process = &Reconciler{
		options: Options{Namespace: h.system, Snapshots: h.snapshots, Unsealer: h.unsealer,
			MACKey:                func(context.Context) ([]byte, error) { return h.key, nil },
			DefaultServiceAccount: chart.Deployer, Pacer: func() Pacer { return h.waves }},
		client: own, reader: reader, finder: h.server.kinds, now: func() time.Time { return h.clock }, memories: &memories{},
		desk: record.Desk{Client: own, Reader: reader, Events: say.Recorder{EventRecorder: &events.FakeRecorder{}}},
		writers: &account.Writers{Config: &rest.Config{Host: "http://127.0.0.1:1"}, Scheme: reader.Scheme(),
			Mapper: reader.RESTMapper(), Wrap: func(client.Client) client.Client { return own }},
		adopter: &adoption.Finder{Namespace: h.system, Deliveries: reader, Reader: reader, Kinds: h.server.kinds},
	}
}

// change makes one change of Git and has it accepted.
func (h *history) change(what string, do func()) {
	h.note("%s", what)
	do()
	h.commit()
	h.rules.committed()
}

func (h *history) note(format string, args ...any) {
	h.trail = append(h.trail, fmt.Sprintf("%s  "+format, append([]any{h.clock.Format("15:04:05")}, args...)...))
}

// live lives through some steps and through a quiet time after them.
func (h *history) live() {
	if h.rng.IntN(3) > 0 { // much stands
		h.gitReturns()
		h.rests()
	}
	for range 8 + h.rng.IntN(16) {
		h.tally.Steps++
		h.step()
		for range h.rng.IntN(3) {
			for _, name := range placementNames {
				if h.rng.IntN(4) > 0 {
					h.pass(name)
				}
			}
		}
		if h.t.Failed() {
			return
		}
	}
	if h.rng.IntN(3) == 0 {
		h.calm(closed())
		h.rests()
		h.rules.taken()
	}
	h.calm(nil)
	h.rests()
	h.rules.equal()
	h.takesBack()
}

// rests lives on until nothing more happens.
func (h *history) rests() {
	for round, quiet := 0, 0; round < 40 && quiet < 4; round++ {
		before := h.tally.Made + h.tally.Deletes
		for _, name := range placementNames {
			h.pass(name)
		}
		h.podsEnd()
		h.podsBegin()
		h.clock = h.clock.Add(7 * time.Minute)
		quiet++
		if h.tally.Made+h.tally.Deletes != before {
			quiet = 0
		}
	}
}

// pass makes one pass on one Delivery; a process that died is followed by another.
func (h *history) pass(name string) {
	h.tally.Passes++
	_, err := h.process.Reconcile(h.ctx,
		reconcile.Request{NamespacedName: client.ObjectKey{Namespace: h.system, Name: name}})
	if err != nil && !h.saboteur.isDead() {
		h.note("pass on %s: %v", name, err)
	}
	h.rules.passEnded(name)
	if h.saboteur.isDead() {
		h.note("the process died in a pass on %s", name)
		h.tally.Crashes++
		h.starts(&saboteur{})
	}
}

// calm is when everybody gets reasonable: what does not build is mended, nobody
// claims what another has, what was dropped by many is consented to, and who sat on a
// name that Git places has left. Changes may come, or wait for windows.
func (h *history) calm(windows []api.PlacementWindow) {
	h.starts(&saboteur{})
	h.unsealer.set(false)
	h.change(fmt.Sprintf("calm, windows %v", windows), func() {
		h.suspended, h.holdAll = false, false
		taken := map[ObjectID]bool{}
		for _, name := range placementNames {
			a := h.git[name]
			if a == nil {
				continue
			}
			a.err, a.spec.Suspend, a.spec.Windows, a.spec.Rollout = nil, false, windows, nil
			a.objects = slices.DeleteFunc(slices.Clone(a.objects), func(o kustomize.Object) bool {
				twice := taken[o.ID()]
				taken[o.ID()] = true
				return twice
			})
		}
	})
	for _, name := range placementNames {
		h.consent(name, func(*v1alpha1.Delivery) string { return h.snapshots.Load().Revision })
	}
	h.foreignersLeave()
}

// sumUp notes what Git has and what the Deliveries say, for who reads a trail.
func (h *history) sumUp() {
	for name, a := range h.git {
		var names []string
		for _, o := range a.objects {
			names = append(names, o.GetName())
		}
		h.note("Git has %v in %s", names, name)
	}
	list := &v1alpha1.DeliveryList{}
	h.must(h.client.List(h.ctx, list))
	for _, d := range list.Items {
		var ids []string
		for _, entry := range d.Status.Inventory {
			ids = append(ids, entry.ID)
		}
		h.note("%s: %s; inventory %v", d.Name, describeConditions(&d), ids)
	}
}
