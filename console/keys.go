package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/console/pages"
	"github.com/bulla-dev/bulla/desk/keyuse"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/sealing"
)

// keysBody is the fleet's keys, and what hangs on them.
type keysBody struct {
	Building *clone.Progress
	Broken   *notice
	Notices  []notice
	Keys     []keyRow
	// RootKey is its fingerprint; "" where fleet.yaml does not verify under it.
	RootKey  string
	Serial   int64
	Recovery []string
	LogKey   string
	Every    string
}

// keyRow is one sealing key.
type keyRow struct {
	keyuse.Row
	// Added is the commit that put it into fleet.yaml; nil where the history that was looked
	// at does not say. Older: it was there before.
	Added *git.Change
	Older bool
	// Due: it was superseded, and stubs need it.
	Due   bool
	Last  time.Time
	Chart *pages.Chart
}

func (c *Console) keys(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	s, err := c.clone.Snapshot(ctx)
	if err != nil {
		return err
	}
	spec := &s.Model.Fleet.Spec
	body := &keysBody{Recovery: spec.RecoveryRecipients, Serial: spec.Serial}
	shown := page{Template: "keys.html", Title: "Keys", Section: "keys", Body: body}
	if root, err := c.rootKey(s.Model.Fleet); err != nil {
		body.Notices = append(body.Notices, *troubleOf("These keys are not vouched for", err))
	} else if body.RootKey, err = sealing.Fingerprint(root); err != nil {
		return err
	}
	if spec.LogKey != "" {
		if body.LogKey, err = sealing.Fingerprint(spec.LogKey); err != nil {
			body.Notices = append(body.Notices, *troubleOf("The key of the audit log cannot be read", err))
		}
	}
	i, building, err := index(ctx, s)
	if err != nil {
		return err
	}
	if body.Building = building; i == nil {
		return c.show(w, r, shown)
	}
	store := keptFor(ctx, spec.ID)
	reader := keyuse.Reader{Kept: func(path string, ref *api.SealedReference) (*api.SealedManifest, error) {
		if stub := store.stub(path, ref); stub != nil {
			return stub, nil
		}
		return nil, errors.New("its stub could not be taken from the key service's store")
	}}
	files, _ := c.stubs.Of(s.Commit, s.Tree)
	stubs := reader.Of(files)
	if store.failed != nil {
		body.Notices = append(body.Notices, *troubleOf("Locks of references are not counted", store.failed))
	}
	for _, row := range keyuse.Count(spec, stubs, i.Uses) {
		body.Keys = append(body.Keys, keyRow{Row: row, Due: row.Status == api.KeySuperseded && row.Needed > 0})
	}
	if err := body.since(ctx, clone.History{Snapshot: s}); err != nil {
		body.Notices = append(body.Notices, *troubleOf("Since when keys are there is not shown", err))
	}
	switch err := body.use(ctx, c, s); {
	case logbook.Broken(err):
		body.Broken = troubleOf("The audit log does not hold: how often keys were used is not shown", err)
	case err != nil:
		body.Notices = append(body.Notices, *troubleOf("How often keys were used is not shown", err))
	}
	return c.show(w, r, shown)
}

// fleetFile is where the keys stand.
const fleetFile = "fleet.yaml"

// since looks for the commits that brought the keys.
func (b *keysBody) since(ctx context.Context, history clone.History) error {
	changes, whole, err := history.Changed(ctx, perPage, fleetFile)
	if err != nil {
		return err
	}
	open := map[int]bool{}
	for k := range b.Keys {
		open[k] = b.Keys[k].Status != keyuse.Unknown
	}
	for i := range changes {
		had := map[string]bool{}
		switch {
		case i+1 < len(changes):
			data, err := history.FileAt(changes[i+1].Commit, fleetFile)
			if err != nil {
				return err
			}
			before, err := api.ParseFleet(fleetFile, data)
			if err != nil {
				continue // a version that nobody accepted
			}
			for _, key := range before.Spec.SealingKeys {
				had[key.ID] = true
			}
		case !whole:
			for k := range open {
				b.Keys[k].Older = open[k]
			}
			return nil
		}
		for k := range b.Keys {
			if open[k] && !had[b.Keys[k].Key] {
				b.Keys[k].Added, open[k] = &changes[i], false
			}
		}
	}
	return nil
}

// use counts by the audit log.
func (b *keysBody) use(ctx context.Context, c *Console, s *clone.Snapshot) error {
	log, err := c.log(ctx, s.Model.Fleet)
	if err != nil {
		return err
	}
	unseals, err := log.Unseals(ctx, time.Now())
	if err != nil || unseals == nil {
		return err
	}
	b.Every = unseals.Every()
	for k := range b.Keys {
		key := &b.Keys[k]
		counts := unseals.ByKey[key.Key]
		if counts == nil {
			counts = make([]int, len(unseals.All))
		}
		key.Last, key.Chart = unseals.Last[key.Key], unseals.Chart("Locks opened per "+unseals.Every(), counts)
	}
	return nil
}
