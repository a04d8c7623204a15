// Package tally says which refusals, and which reads of people, get an entry of the audit
// log, and counts the others.
package tally

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

// Refusals cost an entry of the log each, and nothing else: a caller must not be
// able to fill the disk with them. The first of a kind is recorded before it is
// answered, the same again within a window is counted, and beyond a caller's
// budget all are counted together.
const (
	// Window is how long the same refusal is counted before the count is
	// recorded, and how long a crash may lose such a count.
	Window = time.Minute
	// A caller's budget of refusals recorded one by one: a burst, which a cluster
	// with a broken application stays within, and one more every denialEvery. It
	// makes at most 14,400 entries a day, and a count a minute.
	denialBurst = 256
	denialEvery = 6 * time.Second
	// maxCallers and maxKinds bound the memory, to some 50 MiB: beyond the first,
	// new callers share one budget; beyond the second, refusals are counted.
	maxCallers = 1 << 14
	maxKinds   = 1 << 15
)

// denial is one kind of refusal: what is the same for all that are counted
// together.
type denial struct {
	kind                  audit.Kind
	digest, outcome, head string
	act                   string
}

func denialOf(e audit.Entry) denial {
	d := denial{kind: e.Kind, digest: e.Digest, outcome: e.Outcome, head: e.Head}
	switch e.Kind {
	case audit.Person:
		d.act = e.Detail // the procedure: one of a few
	case audit.Enrol:
		d.act = e.Detail // what is wrong with the token: a few for each that was made
	case audit.Head:
		d.act = e.Revision // another tip is another refusal
	}
	return d
}

// Tally counts refusals, by caller.
type Tally struct {
	now func() time.Time
	// counted is told of each refusal that gets no entry of its own, and why.
	counted func(kind string)
	// refused is told of every refusal; nil for nobody. It must not wait.
	refused func(audit.Entry)

	mu      sync.Mutex
	callers map[string]*denier
	kinds   int // of all callers' seen
	// owed are counts that could not be recorded yet.
	owed []audit.Entry
}

// New makes it. counted is called for each refusal that gets no entry of its own,
// with one of a few kinds.
func New(now func() time.Time, counted func(kind string)) *Tally {
	return &Tally{now: now, counted: counted, callers: map[string]*denier{}}
}

// Tell has every refusal told, before the service answers anybody. It must not wait.
func (d *Tally) Tell(refused func(audit.Entry)) { d.refused = refused }

// denier is what one caller was refused lately.
type denier struct {
	budget *rate.Limiter
	// seen are the refusals recorded one by one in the last window, with how often
	// they came again.
	seen map[denial]*repeated
	// beyond counts, by outcome, what was over the budget.
	beyond map[string]*repeated
}

type repeated struct {
	// entry is the first of them.
	entry audit.Entry
	since time.Time
	// recorded is set once entry is on disk: before that nothing is counted.
	recorded bool
	// How often it came again, and the token operations of those.
	count, operations int
}

func (r *repeated) again(e audit.Entry) {
	r.count++
	r.operations += e.Operations
}

// counted is the entry of how often it came again. What a person did stays in it.
func (r *repeated) counted() audit.Entry {
	e, again := r.entry, "again since "+r.since.UTC().Format(time.RFC3339)
	if e.Kind == audit.Person && e.Detail != "" {
		again = e.Detail + ", " + again
	}
	e.Count, e.Operations, e.Detail = r.count, r.operations, again
	return e
}

// everybody is the caller that those without a certificate are, and those that
// are too many to be told apart. No cluster or person is named so.
const everybody = ""

// Admit says which refusals are to be recorded before they are answered, and
// counts the others. At has, for each entry to record, its place in refused. Of
// those beyond the budget the first of a window is a Coalesce entry, at -1: who
// reads the log knows that what follows it was counted. Call Recorded when they
// are on disk.
func (d *Tally) Admit(refused []audit.Entry) (record []audit.Entry, at []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	said := map[string]bool{} // outcomes that this call has a Coalesce entry for
	for i, e := range refused {
		if d.refused != nil {
			d.refused(e)
		}
		c := d.caller(callerName(e))
		known := c.seen[denialOf(e)]
		if known != nil && known.recorded {
			known.again(e)
			d.counted("repeated")
			continue
		}
		if d.withinBudget(c, now) {
			if known == nil {
				d.kinds++
				c.seen[denialOf(e)] = &repeated{entry: e, since: now}
			}
			record, at = append(record, e), append(at, i)
			continue
		}
		over := d.countBeyond(c, e, now)
		if !over.recorded && !said[e.Outcome] {
			said[e.Outcome] = true
			first := over.entry
			first.Detail = "more refusals than are recorded one by one: counted from here"
			record, at = append(record, first), append(at, -1)
		}
	}
	return record, at
}

// countBeyond counts a refusal that gets no entry of its own.
func (d *Tally) countBeyond(c *denier, e audit.Entry, now time.Time) *repeated {
	d.counted("beyond budget")
	over := c.beyond[e.Outcome]
	if over == nil {
		over = &repeated{entry: summary(e), since: now}
		c.beyond[e.Outcome] = over
	}
	over.again(e)
	return over
}

// Count takes a refusal that could not be recorded into the caller's next count.
func (d *Tally) Count(e audit.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.countBeyond(d.caller(callerName(e)), e, d.now())
}

// Recorded says that entries which Admit picked are on disk.
func (d *Tally) Recorded(entries []audit.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		c := d.callers[callerName(e)]
		if c == nil {
			c = d.callers[everybody]
		}
		if c == nil {
			continue
		}
		r := c.seen[denialOf(e)]
		if e.Kind == audit.Coalesce {
			r = c.beyond[e.Outcome]
		}
		if r != nil {
			r.recorded = true
		}
	}
}

// withinBudget is what keeps a caller from filling the disk, and all of them from
// filling the memory.
func (d *Tally) withinBudget(c *denier, now time.Time) bool {
	return d.kinds < maxKinds && c.budget.AllowN(now, 1)
}

// summary keeps of a refusal what is the same for all that it stands for.
func summary(e audit.Entry) audit.Entry {
	return audit.Entry{Kind: audit.Coalesce, Outcome: e.Outcome, Cluster: e.Cluster, Person: e.Person,
		Certificate: e.Certificate, Identity: e.Identity}
}

func callerName(e audit.Entry) string {
	switch {
	case e.Cluster != "":
		return "cluster/" + e.Cluster
	case e.Person != "":
		return "person/" + e.Person
	}
	return everybody
}

func (d *Tally) caller(name string) *denier {
	if d.callers[name] == nil && len(d.callers) >= maxCallers {
		name = everybody
	}
	c := d.callers[name]
	if c == nil {
		c = &denier{budget: rate.NewLimiter(rate.Every(denialEvery), denialBurst),
			seen: map[denial]*repeated{}, beyond: map[string]*repeated{}}
		d.callers[name] = c
	}
	return c
}

// Due takes the counts of windows that ended, as entries; all of them when the
// service stops.
func (d *Tally) Due(all bool) []audit.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	entries := d.owed
	d.owed = nil
	take := func(r *repeated) (ended bool) {
		if ended = all || now.Sub(r.since) >= Window; ended && r.count > 0 {
			entries = append(entries, r.counted())
		}
		return ended
	}
	for name, c := range d.callers {
		for key, r := range c.seen {
			if take(r) {
				delete(c.seen, key)
				d.kinds--
			}
		}
		for outcome, r := range c.beyond {
			if take(r) {
				delete(c.beyond, outcome)
			}
		}
		if len(c.seen)+len(c.beyond) == 0 && c.budget.TokensAt(now) >= denialBurst {
			delete(d.callers, name)
		}
	}
	return entries
}

// Owe takes counts back that could not be recorded.
func (d *Tally) Owe(entries []audit.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owed = append(d.owed, entries[:min(len(entries), maxKinds-len(d.owed))]...)
}
