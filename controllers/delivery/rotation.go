package delivery

import (
	"context"

	"github.com/bulla-dev/bulla/controllers/internal/beside"
)

// beforeRotation notes on the workloads of others for which values they run, where a
// Secret that asks for restarts is about to get others: one that came since the last
// look would be taken afterwards for one that runs for the new.
func (p *pass) beforeRotation(ctx context.Context, changes []change) error {
	was := map[ObjectID]string{}
	rotated := map[ObjectID]bool{}
	for _, c := range changes {
		id := c.object.ID
		if before := p.stand.inv[id].Content; restarts(c.object) && before != "" && before != c.object.Content {
			was[id], rotated[id] = before, true
		}
	}
	if len(rotated) == 0 {
		return nil
	}
	err := p.tell(ctx, was, rotated)
	if err != nil {
		p.stand.untold(was)
	}
	return err
}

// untold notes for which values those run that could not be told. It is saved with the
// pass that replaces the values: a process that ends before that finds the old ones in
// the inventory, and tells again.
func (s *stand) untold(was map[ObjectID]string) {
	for id, content := range was {
		if entry := s.inv[id]; entry.RunsFor == "" { // after two, the first is what they run for
			entry.RunsFor = content
			s.inv[id] = entry
		}
	}
}

// allTold forgets that, once every workload was looked at.
func (s *stand) allTold(secrets map[ObjectID]bool) {
	for id := range secrets {
		if entry := s.inv[id]; entry.RunsFor != "" {
			entry.RunsFor = ""
			s.inv[id] = entry
		}
	}
}

// tell notes on what reads the rotated Secrets which values they had.
func (p *pass) tell(ctx context.Context, was map[ObjectID]string, rotated map[ObjectID]bool) error {
	n, err := p.neighbours()
	if err != nil {
		return err
	}
	found, err := n.of(ctx, rotated)
	if err != nil {
		return err
	}
	for _, w := range found {
		for _, id := range w.Reads {
			if w.Seen(id) {
				continue
			}
			if _, err := w.Restart(ctx, n.writer, id, was[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// told makes up for what [pass.beforeRotation] could not do: a workload that nobody has
// noted runs for the values that stood then. One that came since is restarted once for
// nothing: better than one that runs for what was revoked.
func (n *neighbours) told(ctx context.Context, w *beside.Workload) error {
	for _, id := range w.Reads {
		was := n.stand.inv[id].RunsFor
		if was == "" || w.Seen(id) || was == n.aim.Desired[id].Content {
			continue
		}
		deed, err := w.Restart(ctx, n.writer, id, was)
		if err != nil {
			return err
		}
		if deed == beside.Noted {
			*w = w.Runs(id, was)
		}
	}
	return nil
}
