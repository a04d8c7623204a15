package shell

import (
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/desk/naming"
)

// NoWaves says why the key service has no waves of a placement of a fleet, "" for that of
// the repository around: the files there tell an unknown name from a placement without
// waves, and from waves that are not merged yet.
func (a *Shell) NoWaves(fleet, placement string) error {
	const those = "`bulla status --rollout` lists those that have waves"
	repo, err := a.Open()
	if err != nil || fleet != "" && fleet != repo.Model.Fleet.Spec.ID {
		return fault.New(those+"; waves stand in the placement's spec.rollout",
			"the key service knows no placement %q with waves", placement)
	}
	file := repo.Model.Files[api.KindPlacement+"/"+placement]
	switch p := repo.Model.Placements[placement]; {
	case p == nil:
		return naming.Unknown(repo.Model, api.KindPlacement, placement, those)
	case p.Spec.Rollout == nil:
		return Waveless(file)
	}
	return fault.New("merge it; `bulla reconcile` has the key service look at once",
		"%s has waves here, and not at the head that the key service follows", file)
}

// Waveless is the error about a placement's file without a pace.
func Waveless(file string) error {
	return fault.New("write waves there first, as shown at "+manual.At+"how-to/waves.md",
		"%s has no spec.rollout, so that there is no pace to change", file)
}
