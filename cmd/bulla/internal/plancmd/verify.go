package plancmd

import (
	"bytes"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/plan"
)

// verify holds a fleet.yaml whose signed part changes to the pinned root key. A plan needs
// no key to be pinned; without one it says that nobody looked.
func verify(s *shell.Shell, base, head *plan.Side, p *plan.Plan) {
	was, is := base.Model.Fleet, head.Model.Fleet
	if bytes.Equal(was.Spec.SignedText(), is.Spec.SignedText()) && was.Spec.Signature == is.Spec.Signature {
		return
	}
	store, err := trust.Open()
	if err == nil && s.RootKey == "" {
		if _, pinned, err := store.Lookup(is.Spec.ID); err != nil || !pinned {
			p.Notes = append(p.Notes, "the signature of fleet.yaml was not looked at, since no root key is pinned here; "+
				"--root-key KEY, or `bulla trust KEY`, has it checked")
			return
		}
	}
	if err == nil {
		_, err = fleetrepo.VerifyFleet(store, is, s.RootKey)
	}
	if err != nil {
		p.Block(plan.Problem{File: tree.FleetFile, Problem: err.Error(),
			Hint: "do not merge it before your fleet's operators have said where it comes from"})
	}
}
