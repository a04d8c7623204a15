package console

import (
	"net/http"
	"slices"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/console/standing"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// applicationPage is one placement.
type applicationPage struct {
	*view

	Application  *standing.Application
	Problems     []notice
	MoreProblems int
	Secrets      []secretRow
	// Building says how far builds are, before which not all secrets are known; nil when
	// they are done.
	Building *clone.Progress
	// Unbuilt says why the builds of this application failed.
	Unbuilt string
	Rollout *rollout
	// NoRollout says why it is not known how far the release is.
	NoRollout string
	Changes   []git.Change
	// Older: there are older changes, or the clone does not have all of its history.
	Older bool
	// Links to what a person may do; "" where Git does not place it any more.
	Change, Retire string
}

// secretRow is a secret with the address of its page; "" where that is not served.
type secretRow struct {
	standing.Secret
	Address string
}

// rollout is how far the release is.
type rollout struct {
	Paused, Building bool
	Pause            *ledger.Pause
	Waves            []wave
	// Ready of All clusters report the release.
	Ready, All int
}

// wave is how far one wave is.
type wave struct {
	Name, State     string
	Ready, Clusters int
	// Lacking are the clusters that are not Ready with it, and More how many more.
	Lacking []string
	More    int
}

func (c *Console) application(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("placement")
	v, err := c.view(r, "", name)
	if err != nil {
		return err
	}
	app, known := v.Application(name)
	if !known {
		return notFound(didYouMean(name, v.Applications())+"the page of the fleet has all of them",
			"there is no application %q", clip(name))
	}
	body := applicationPage{view: v, Application: app}
	body.Problems, body.MoreProblems = problemNotices(r, v.ProblemsOf(name, ""))
	index, so, ready, err := v.Snapshot.Index()
	switch {
	case err != nil:
		body.Unbuilt = err.Error()
	case !ready:
		body.Building = &so
		if r.Header.Get("HX-Request") == "" {
			w.Header().Set("Refresh", "3") // so that it comes without a script too
		}
	case index.Failed[name] != nil:
		body.Unbuilt = index.Failed[name].Error()
	}
	body.Secrets = secretRows(v.Fleet, name, index)
	c.takeRollout(r, &body)
	if changes, whole, err := v.Snapshot.Changed(r.Context(), mostChanges, app.Paths()...); err == nil {
		body.Changes, body.Older = changes, !whole
	}
	if app.Placement != nil {
		body.Change, body.Retire = applicationAddress(name)+"/clusters", applicationAddress(name)+"/retire"
	}
	return c.show(w, r, page{Template: "application.html", Title: name, Section: "fleet", Body: body})
}

// mostChanges is how many commits are shown.
const mostChanges = 8

func secretRows(f *standing.Fleet, application string, index *built.Index) (rows []secretRow) {
	for _, s := range f.Secrets(application, index) {
		rows = append(rows, secretRow{s, sealed.Ref{Placement: application, Namespace: s.Namespace, Name: s.Name}.Path()})
	}
	return rows
}

// takeRollout asks how far the release is, of a placement with waves.
func (c *Console) takeRollout(r *http.Request, body *applicationPage) {
	service := person(r.Context()).Service
	if len(body.Application.Waves) == 0 || service == nil || body.Stale || body.Asked.IsZero() {
		return
	}
	out, err := service.ListRollouts(r.Context(), body.Application.Name)
	if err != nil {
		body.NoRollout = refusedLedger(err).Error()
		return
	}
	said := ledger.ReadRollouts(out).Rollouts
	i := slices.IndexFunc(said, func(r ledger.Rollout) bool { return r.Placement == body.Application.Name })
	if i < 0 {
		return
	}
	body.Rollout = &rollout{Paused: said[i].Paused, Building: said[i].Building, Pause: said[i].Pause}
	for _, w := range said[i].Waves {
		one := wave{w.Name, w.State, int(w.Ready), int(w.Clusters), w.Lacking,
			max(0, int(w.Clusters)-int(w.Ready)-len(w.Lacking))}
		body.Rollout.Waves = append(body.Rollout.Waves, one)
		body.Rollout.Ready += one.Ready
		body.Rollout.All += one.Clusters
	}
}
