package rolloutcmd

import (
	"context"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// What the key service takes. It refuses all else with one word, that says nothing of which.
const (
	longest       = 31 * 24 * time.Hour
	longestReason = 256 // bytes
)

// ask gives the key service's side for people, and the waves that it has of the placement,
// once nothing is left to refuse that can be seen from here.
func (o *order) ask(ctx context.Context, placement string) (
	admin *client.Admin, now *keyservicev1.ListRolloutsResponse, err error,
) {
	if err := o.check(placement); err != nil {
		return nil, nil, err
	}
	if admin, err = o.Admin(o.fleet); err != nil {
		return nil, nil, err
	}
	if now, err = admin.ListRollouts(ctx, placement); err != nil {
		err = refused(err)
	} else if len(now.GetRollouts()) == 0 {
		err = o.NoWaves(o.fleet, placement)
	}
	if err != nil {
		admin.Close()
		return nil, nil, err
	}
	return admin, now, nil
}

func (o *order) check(placement string) error {
	switch {
	case !protocol.IsName(placement):
		return fault.NewUsage("names are those of the files in placements/", "%.60q is no name of a placement", placement)
	case o.length > longest:
		return fault.NewUsage("744h, which are 31 days, is the most: what is to stay longer belongs in Git",
			"--for %s is too long", o.length)
	case strings.TrimSpace(o.reason) == "":
		return fault.NewUsage("--reason TEXT: it stands in the audit log, and is what others see",
			"what changes without a commit needs a reason")
	}
	if problem := protocol.TextProblem("--reason", o.reason, 1, longestReason); problem != "" {
		return fault.NewUsage("give one line of at most 256 bytes", "%s", problem)
	}
	return nil
}

// promotable refuses what waits for something else than a wave.
func promotable(now *keyservicev1.Rollout) error {
	name := now.GetPlacement()
	switch {
	case now.GetPause() != nil:
		return fault.New("`bulla rollout resume "+name+" --now --reason TEXT` ends it first",
			"promote placement %q: %s pauses it at the key service: %s", name, now.GetPause().GetPerson(),
			now.GetPause().GetReason())
	case now.GetPaused():
		return fault.New("`bulla rollout resume "+name+"`, and merge that first", "promote placement %q: Git pauses it "+
			"(spec.rollout.paused)", name)
	case now.GetBuilding():
		return fault.New("wait until it has: `bulla status --rollout` shows it",
			"promote placement %q: the key service is still building its release", name)
	}
	return nil
}
