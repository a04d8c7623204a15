package console

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/standing"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// view is what a page about the fleet is made from.
type view struct {
	Snapshot *clone.Snapshot
	*standing.Fleet

	// Notices say what of the page is not as it should be: old, or not known.
	Notices []notice
	// Asked is when the key service said what is shown; zero where Git alone is.
	Asked time.Time
	// Stale: the key service could not be asked since.
	Stale bool
}

// notice is something that the piece "problem" shows.
type notice struct{ Tone, What, Where, Do, Link, LinkText string }

// view takes the newest commit, and what the key service says of it to the person. Where
// everything is too much for one answer, cluster or placement, of which one may be given,
// chooses what is asked for.
func (c *Console) view(r *http.Request, cluster, placement string) (*view, error) {
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return nil, err
	}
	v := &view{Snapshot: s}
	v.ofClone(c.clone)
	p := person(r.Context())
	if p.Service == nil {
		v.notAsked(p)
	} else {
		v.take(c.clone, c.fleet.answers.about(r.Context(), s, p.Service, cluster, placement))
	}
	if v.Fleet == nil {
		v.Fleet = c.gitAlone(s)
	}
	return v, nil
}

// ofClone says what is old about the commit.
func (v *view) ofClone(c *clone.Clone) {
	if old := v.Snapshot.Old; old != nil {
		v.Notices = append(v.Notices, notice{Tone: "warn", Where: old.Error(), Do: fault.Hint(old),
			What: "This is an older commit: the newest cannot be shown."})
	}
	if last, follows := c.Fetched(); follows && last.Err != nil {
		where := last.Err.Error()
		if !last.At.IsZero() {
			where += " (it worked last at " + last.At.Format(absolute) + ")"
		}
		v.Notices = append(v.Notices, notice{Tone: "warn", Where: where, Do: fault.Hint(last.Err),
			What: "There may be newer commits: the repository cannot be reached."})
	}
}

const absolute = "2006-01-02 15:04:05 UTC"

func (v *view) notAsked(p Person) {
	n := notice{Tone: "info", What: "What clusters have is not known here: you are not logged in to the key service.",
		Do: "Log in with `bulla login`; until then this shows what Git says."}
	if p.Owner != "" {
		n.What, n.Do = "What clusters have is not known here: this shows what Git says.", ""
	}
	if why := p.NotAsked; why != nil {
		n.Where = why.Error()
		if hint := fault.Hint(why); hint != "" {
			n.Do = hint
		}
	}
	v.Notices = append(v.Notices, n)
}

// take enters an answer, and tells the clone which head is in force.
func (v *view) take(c *clone.Clone, t told) {
	if v.Fleet, v.Asked = t.fleet, t.at; t.fleet != nil && t.err == nil {
		c.Accepted(t.fleet.Status.Head)
	}
	if t.err == nil {
		return
	}
	err := refusedLedger(t.err)
	n := notice{Tone: "warn", What: "What clusters have is not known: the key service cannot be reached.",
		Where: err.Error(), Do: fault.Hint(err)}
	switch {
	case errors.As(err, new(*client.DeniedError)) && !isTooMuch(err):
		n.Tone, n.What = "info", "You may not see what clusters have: this shows what Git says."
	case isTooMuch(err):
		n.What = "The fleet is too large to be shown whole: this shows what Git says."
	case t.fleet != nil:
		v.Stale = true
		n.What = "The key service cannot be reached: this is what it said at " + t.at.UTC().Format(absolute) + "."
	}
	v.Notices = append(v.Notices, n)
}

// fleetKept is what pages about the fleet keep from one request to the next. The zero value
// is ready.
type fleetKept struct {
	answers answers
	looks   looks

	mu  sync.Mutex
	git gitFleet
}

// gitFleet is what Git alone says.
type gitFleet struct {
	commit string
	made   time.Time
	fleet  *standing.Fleet
}

// gitAlone is made once for a commit, and again after a while: targets end by themselves.
func (c *Console) gitAlone(s *clone.Snapshot) *standing.Fleet {
	k := &c.fleet
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.git.commit != s.Commit || now.Sub(k.git.made) > time.Minute {
		k.git = gitFleet{s.Commit, now, standing.New(s.Model.At(now), nil)}
	}
	return k.git.fleet
}
