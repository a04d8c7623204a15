package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/plan"
)

// defaultSeed is of changes that meet everything that they are about.
const defaultSeed = 8

var (
	foretold     = flag.Int("foretold", 42, "how many random changes are planned, and made")
	foretoldSeed = flag.Uint64("seed", defaultSeed, "the seed of those changes")
)

// TestAPlanForetellsWhatControllersDo: what a reviewer merges by its plan is what the
// cluster does, to the last object, field and restart, and nothing beside it. Every change
// is planned from the trees alone, without [plan.Options.Whole]; then the key service and
// the controller's process come to it, on a real control plane.
func TestAPlanForetellsWhatControllersDo(t *testing.T) {
	app := tenant()
	c, own := install(t, "replicas=0", "rbac.tenants[0].namespace="+app, "rbac.tenants[0].createNamespace=true")
	w := &processWorld{T: t, cluster: c, own: own, app: app, dir: t.TempDir()}
	w.client = w.admin()
	w.serveKeys()
	w.startController()
	f := newForetold(w, *foretoldSeed)
	f.begins()
	for n := range *foretold {
		f.step = n
		f.live()
	}
	f.stopController()
	f.nothingForbidden()
	t.Logf("%d changes of seed %d: %v", *foretold, *foretoldSeed, f.met)
	if *foretold < 42 || *foretoldSeed != defaultSeed || f.Failed() {
		return
	}
	for _, what := range []string{"added", "changed", "removed", "moved", "restarted", "held", "kept", "unpruned", "shut",
		"blocked", "taken back", "in use", "suspended", "consented", "of another variant", "in the first wave",
		"waiting for its time", "waiting for its wave", "waiting with a change"} {
		if f.met[what] == 0 {
			t.Errorf("the changes do not meet what they are about: nothing was %s (seed %d)", what, *foretoldSeed)
		}
	}
}

// foretoldWorld is a fleet that changes at random, its plans, and the cluster.
type foretoldWorld struct {
	*processWorld
	random  *rand.Rand
	step    int
	builder *kustomize.Builder
	files   testfleet.Files
	sealed  int
	// troubles is how many changes there were that the cluster does not take whole.
	troubles int
	// values are what payloads hold, opens what plans say that the cluster may open: the
	// value of each field, by placement.
	values, opens map[string]string
	pushed        testfleet.Files
	stands        picture
	met           map[string]int
	// past is what lies between a plan's two revisions, nil for nothing.
	past *dropped
}

func newForetold(w *processWorld, seed uint64) *foretoldWorld {
	return &foretoldWorld{processWorld: w, random: rand.New(rand.NewPCG(seed, 2)),
		builder: kustomize.NewBuilder(kustomize.BuilderOptions{SlowAfter: time.Minute, Timeout: 3 * time.Minute}),
		values:  map[string]string{}, opens: map[string]string{}, stands: picture{}, met: map[string]int{}}
}

// begins has the cluster join, and two applications come.
func (f *foretoldWorld) begins() {
	sync := f.waitFor("enrolled", func(s *v1alpha1.FleetSync) error {
		if s.Status.Identity == "" || s.Status.Recipient == "" {
			return errors.New("the status does not show its keys yet")
		}
		return nil
	})
	fleet, err := os.ReadFile(f.path("fleet.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.files = testfleet.Files{"fleet.yaml": string(fleet),
		clusterFile:                   testfleet.ClusterOf("prod-eu", sync.Status.Identity, sync.Status.Recipient),
		"clusters/" + ghost + ".yaml": testfleet.Cluster(ghost, "")}
	first := testfleet.Files{
		"clustersets/retail.yaml": testfleet.Set("retail"),
		"clustersets/others.yaml": strings.Replace(testfleet.Set("others"), "store", "none", 1),
	}
	f.push(f.files)
	for _, app := range []string{"shop", "store"} {
		first["placements/"+app+".yaml"] = f.placement(app, "")
	}
	for _, name := range []string{"conf", "rules", "texts", "db", "api"} {
		first["apps/shop/"+name+".yaml"] = f.object(name)
	}
	for _, name := range []string{"extra", "mail", "worker"} {
		first["apps/store/"+name+".yaml"] = f.object(name)
	}
	f.follows("the fleet begins", f.files.With(first))
}

// live makes one change; what the cluster does not take whole is taken back.
func (f *foretoldWorld) live() {
	what, next := f.change()
	before, stood, opened := f.files, f.stands, maps.Clone(f.opens)
	told, whole := f.follows(what, next)
	if whole {
		return
	}
	f.met["taken back"]++
	f.files, f.opens = before, opened
	head := f.push(before)
	f.comes(what+", and is taken back", head, nil, func(now picture) string {
		did := stood.became(now)
		for key := range told { // it may have been made anew, by whose it was
			if did[key].word() != "moved" {
				delete(did, key)
			}
		}
		return cmp.Diff(deeds{}, did)
	})
}

// follows plans a change, makes it, and holds both against each other. whole is false for
// a change that the plan says is held, or blocked.
func (f *foretoldWorld) follows(what string, next testfleet.Files) (told deeds, whole bool) {
	f.Helper()
	options := plan.Options{Builder: f.builder}
	if f.past != nil {
		options.History, f.past = f.past, nil
	}
	p, err := plan.Between(f.Context(), f.side(f.files), f.side(next), options)
	if err != nil {
		f.Fatal(err)
	}
	f.files = next
	told, whole = f.told(p)
	f.granted(p, next)
	head := f.push(next)
	f.comes(what, head, p, func(now picture) string {
		if diff := cmp.Diff(told, f.stands.became(now)); diff != "" {
			return diff
		}
		if !whole {
			return ""
		}
		return cmp.Diff(f.opens, f.keyed(now))
	})
	for _, deed := range told {
		f.met[deed.word()]++
	}
	return told, whole
}

func (f *foretoldWorld) side(files testfleet.Files) *plan.Side {
	f.Helper()
	s, err := plan.Open(plan.Revision{}, testfleet.Open(f, files), &model.Loader{}, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// push commits the tree as it is, and gives the commit's hash.
func (f *foretoldWorld) push(files testfleet.Files) string {
	f.Helper()
	changes := map[string]*string{}
	for path, text := range files {
		changes[path] = &text
	}
	for path := range f.pushed {
		if _, stays := files[path]; !stays {
			changes[path] = nil
		}
	}
	f.pushed = files
	head, err := f.repo.Commit("change the fleet", changes)
	if err != nil {
		f.Fatal(err)
	}
	return head
}

// patience is how long what rests may still differ: a hand-over takes two passes.
const patience = 15 * time.Second

// comes waits until the controller rests at a head, and all is as it was told.
func (f *foretoldWorld) comes(what, head string, p *plan.Plan, differs func(picture) string) {
	f.Helper()
	f.request()
	var rests time.Time
	wait.For(f, what, func() error {
		if err := f.rests(head); err != nil {
			rests = time.Time{}
			return err
		}
		if rests.IsZero() {
			rests = time.Now()
		}
		now := f.look()
		diff := differs(now)
		if diff == "" {
			f.stands = now
			return nil
		}
		err := fmt.Errorf("seed %d, change %d, %s (-told +done):\n%s\nthe plan: %s", *foretoldSeed, f.step, what, diff,
			spell(p))
		if time.Since(rests) > patience {
			return wait.Final{Err: err}
		}
		return err
	})
}

// rests: the FleetSync has accepted the head, and no Delivery is at work.
func (f *foretoldWorld) rests(head string) error {
	sync := &v1alpha1.FleetSync{}
	if err := f.client.Get(f.Context(), client.ObjectKey{Namespace: f.own, Name: "fleet"}, sync); err != nil {
		return err
	}
	if !strings.Contains(sync.Status.Head, head) || conditions.IsReconciling(sync) && !conditions.IsReady(sync) &&
		conditions.GetReason(sync, meta.ReadyCondition) == meta.ProgressingReason {
		return fmt.Errorf("the FleetSync is at %s: %s", sync.Status.Head, conditions.GetMessage(sync, meta.ReadyCondition))
	}
	list := &v1alpha1.DeliveryList{}
	if err := f.client.List(context.Background(), list, client.InNamespace(f.own)); err != nil {
		return err
	}
	for i := range list.Items {
		d := &list.Items[i]
		reason := conditions.GetReason(d, meta.ReadyCondition)
		said := fmt.Errorf("delivery %s: %s: %s", d.Name, reason, conditions.GetMessage(d, meta.ReadyCondition))
		switch {
		case d.Status.ObservedGeneration != d.Generation:
			return said
		case reason == v1alpha1.PruneBlockedReason, reason == v1alpha1.UnsealDeniedReason,
			reason == v1alpha1.SuspendedReason, reason == meta.BuildFailedReason,
			reason == v1alpha1.WaitingForWindowReason, reason == v1alpha1.WaitingForWaveReason,
			// What somebody names stays for as long as it runs: no time of a test.
			strings.Contains(conditions.GetMessage(d, meta.ReadyCondition), " to name it no more"):
		case d.Spec.Removed, !conditions.IsReady(d), d.Spec.BuildDigest != d.Status.AppliedBuildDigest:
			return said
		}
	}
	return nil
}
