package delivery

import (
	"context"
	"fmt"
	"maps"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/beside"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/internal/say"
)

// others are the workloads of other deployers that read what a Delivery delivers.
type others struct {
	// at is when they were looked at last, and again when they are to be.
	at, again time.Time
	// users are those that rolled out, by the sealed object that they read.
	users map[ObjectID][]string
	// failed is what the last look could not do, "" for nothing.
	failed string
	// done are the values that a workload was restarted for, by its uid and Secret.
	done map[string]string
}

// neighbours looks at workloads of others. Where a placement has users of its own for
// every Secret and asks for no restart, it asks the API server nothing.
type neighbours struct {
	aim    *aim.Aim
	stand  *stand
	live   *apply.Live
	finder beside.Finder
	// writer restarts, as the placement's account.
	writer client.Client
	record *record.Record
	now    func() time.Time
	health *health
	known  *others
}

func (p *pass) neighbours() (*neighbours, error) {
	writer, err := p.writers.As(p.record.Obj.Status.Policy.ServiceAccount)
	if err != nil {
		return nil, err
	}
	return &neighbours{aim: p.aim, stand: p.stand, live: p.hands.Live, finder: beside.Finder{Reader: p.reader},
		writer: writer, record: p.record, now: p.now, health: p.health, known: &p.mem.others}, nil
}

// beside is the stage that comes after everything of the placement's own. What it cannot
// do is told, and fails nothing: whoever owns a workload that may not be restarted would
// otherwise hold everything that depends on this placement.
func (p *pass) beside(ctx context.Context) error {
	n, err := p.neighbours()
	if err != nil {
		return err
	}
	secrets := n.secrets()
	if len(secrets) == 0 {
		*n.known = others{}
		return nil
	}
	if n.due(secrets) {
		n.known.failed = ""
		if err := n.look(ctx, secrets); err != nil {
			n.known.failed = say.Steady(err).Error()
			n.known.at, n.known.again = p.now(), p.now().Add(pace.Jittered(besideRetry))
			p.record.Warn("RestartFailed", n.known.failed)
		}
	}
	if n.known.failed != "" {
		p.record.Note("%s", n.known.failed)
	}
	// In each pass: one that comes for another reason takes the place of the one that
	// was asked for.
	p.again.Within(max(time.Second, n.known.again.Sub(p.now())))
	return nil
}

// besideRetry is between two looks of which the first failed.
const besideRetry = 2 * time.Minute

// secrets are the sealed ones that stand, and that nobody of the placement reads or
// whose stub asks for restarts.
func (n *neighbours) secrets() map[ObjectID]bool {
	own := map[ObjectID]bool{}
	for _, o := range n.aim.Objects {
		for _, id := range n.aim.SealedReads(o) {
			own[id] = true
		}
	}
	secrets := map[ObjectID]bool{}
	for id, o := range n.aim.Desired {
		if o.Sealed() && n.stand.inv[id].Content == o.Content && (restarts(o) || !own[id]) {
			secrets[id] = true
		}
	}
	return secrets
}

func restarts(o apply.Object) bool { return o.Sealed() && o.Built.Stub.Manifest.Spec.Restart }

// due: a Secret was written since the last look, or its time is over.
func (n *neighbours) due(secrets map[ObjectID]bool) bool {
	for id := range secrets {
		if n.stand.vigil.changed[id].After(n.known.at) {
			return true
		}
	}
	return !n.now().Before(n.known.again)
}

// of gives the workloads that read one of these Secrets and are not the placement's.
func (n *neighbours) of(ctx context.Context, secrets map[ObjectID]bool) ([]beside.Workload, error) {
	return n.finder.Of(ctx, secrets, func(id ObjectID) bool { _, own := n.aim.Desired[id]; return own })
}

// look restarts what runs for values of before, and keeps who rolled out.
func (n *neighbours) look(ctx context.Context, secrets map[ObjectID]bool) error {
	began := n.now()
	found, err := n.of(ctx, secrets)
	if err != nil {
		return err
	}
	users, waits := map[ObjectID][]string{}, false
	var failed error
	stands := map[string]bool{}
	for _, w := range found {
		for _, id := range w.Reads {
			stands[doneFor(w, id)] = true
		}
		err := n.told(ctx, &w)
		restarted := false
		if err == nil {
			restarted, err = n.restart(ctx, w)
		}
		if err != nil {
			failed = err
			continue
		}
		health, err := n.live.Health(ctx, w.ID, w.Kind)
		if err != nil {
			return err
		}
		if restarted || !health.Current() {
			waits = true
			continue
		}
		for _, id := range w.Reads {
			users[id] = append(users[id], w.ID.Kind+"/"+w.ID.Name)
		}
	}
	n.known.at, n.known.users = began, users
	maps.DeleteFunc(n.known.done, func(done, _ string) bool { return !stands[done] })
	if failed == nil {
		n.stand.allTold(secrets)
	}
	n.known.again = began.Add(pace.Jittered(n.aim.Placed.Placement.Spec.IntervalOrDefault()))
	if waits && began.Sub(n.stand.vigil.since) <= n.health.timeout {
		n.known.again = began.Add(unhealthyPoll)
	}
	return failed
}

// doneFor is what is remembered of a workload and a Secret, as long as the workload lives.
func doneFor(w beside.Workload, id ObjectID) string { return w.UID() + "/" + id.Name }

// restart has a workload run for the values that stand, where the stubs ask for it.
func (n *neighbours) restart(ctx context.Context, w beside.Workload) (restarted bool, err error) {
	for _, id := range w.Reads {
		o := n.aim.Desired[id]
		if !restarts(o) {
			continue
		}
		done := doneFor(w, id)
		if w.Differs(id, o.Content) && n.known.done[done] == o.Content {
			// Whoever owns it writes back what it was: to restart it again would do so for ever.
			n.known.failed = fmt.Sprintf("%s was restarted for %s, and its annotation was put back since: it is left alone; "+
				"hint: take %s out of its manifest", inventory.Describe(w.ID), inventory.Describe(id), apply.ContentKey(id.Name))
			continue
		}
		deed, err := w.Restart(ctx, n.writer, id, o.Content)
		if err != nil {
			return restarted, err
		}
		if deed == beside.Restarted {
			restarted = true
			if n.known.done == nil {
				n.known.done = map[string]string{}
			}
			n.known.done[done] = o.Content
			n.record.Event("Restarted", fmt.Sprintf("%s, which another deployer placed, reads %s: restarted once for its values",
				inventory.Describe(w.ID), inventory.Describe(id)))
		}
	}
	return restarted, nil
}
