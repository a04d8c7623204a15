package standing

import (
	"fmt"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/desk/ledger"
)

// ofGit are files that count for nothing, and what Git itself suspends.
func (f *Fleet) ofGit(l *list) {
	for _, p := range f.Model.Problems {
		do := fault.Hint(p.Err)
		if do == "" {
			do = "Mend the file: until then it grants nothing, and changes nothing that stands."
		}
		l.add(Problem{What: "A file cannot be used: " + p.File, Why: p.Err.Error(), Do: do, weight: weightFleet}, "", nil)
	}
	for name, p := range f.Model.Placements {
		if p.Spec.Suspend {
			l.add(Problem{What: "Suspended in Git", Application: name, Warn: true, weight: weightHeld,
				Why: "The placement says suspend: nothing of it is applied, healed or removed.",
				Do:  "Take suspend out of " + f.Model.Files["Placement/"+name] + " when it is to go on."}, "", nil)
		}
	}
}

// ofService is what the key service does not accept, or an operator denies.
func (f *Fleet) ofService(l *list) {
	s := f.Status
	if s.Refused != nil {
		l.add(Problem{What: "The repository's newest commit is refused", Why: s.Refused.Says(s.Time), weight: weightFleet + 1,
			Do: "Mend it, or take it off the branch: " + manual.At + "operations/tip-refused.md"}, "", nil)
	}
	for _, d := range s.Denied {
		l.add(Problem{What: "Denied by " + d.Person + ": " + d.What(), Application: d.Placement, Cluster: d.Cluster,
			Why: d.Reason + " (until " + d.Until.Format("2006-01-02 15:04 UTC") + ")", weight: weightDenied,
			Do: "What runs goes on; no new value is opened. It ends by itself, or by `bulla deny lift`."}, "", &d.Since)
	}
	for i := range s.Placements {
		if p := &s.Placements[i]; p.Broken != "" {
			l.add(Problem{What: "It does not build", Application: p.Name, Why: p.Broken, weight: weightFailed,
				Do: "Mend it in Git. Until then what runs keeps running, and nothing of it is opened."}, "", nil)
		}
	}
}

// ofClusters are those that say nothing, are behind, or were stopped.
func (f *Fleet) ofClusters(l *list) {
	for i := range f.Status.Clusters {
		c := &f.Status.Clusters[i]
		switch {
		case c.Standing == ledger.Left:
			continue
		case c.Reported == nil:
			l.add(Problem{What: "Never heard of", Warn: true, weight: weightSilent,
				Why: "The cluster is in Git and never reported.",
				Do:  "Is its controller installed and enrolled? The page of the cluster says how far it is."}, c.Name, nil)
		case c.Silent:
			l.add(Problem{What: "Silent", weight: weightSilent,
				Why: "The cluster does not report any more: what is shown of it is what it said last.",
				Do:  "Is the cluster up, does its controller run, and does it reach the key service?"}, c.Name, c.Reported)
		case f.Status.Behind(*c):
			l.add(Problem{What: "Behind", Warn: true, weight: weightWaits,
				Why: "The cluster works at another commit than the one that was accepted last.",
				Do:  "Nothing for some minutes after a merge. If it stays, its FleetSync says why."}, c.Name, nil)
		}
		if c.Suspended != nil {
			l.add(Problem{What: "Suspended on the cluster", Warn: true, weight: weightHeld,
				Why: "Its FleetSync is suspended" + c.Suspended.Text() + ".",
				Do:  "Resume it there: nothing new arrives until then."}, c.Name, c.Suspended.Since)
		}
		if c.Standing == ledger.Suspended {
			l.add(Problem{What: "Suspended in Git", Warn: true, weight: weightHeld,
				Why: "The cluster's file says suspend: nothing is opened for it.",
				Do:  "Take suspend out of its file when it is to go on."}, c.Name, nil)
		}
	}
}

// ofDeliveries are placements that a cluster does not have as Git wants it.
func (f *Fleet) ofDeliveries(l *list) {
	for i := range f.Status.Clusters {
		c := &f.Status.Clusters[i]
		if c.Standing == ledger.Left {
			continue
		}
		for j := range c.Deliveries {
			d := &c.Deliveries[j]
			if d.Well() || d.Ready == "Unknown" && ofDelivery(d) == Delivering {
				continue
			}
			p := Problem{Application: d.Placement, What: Words(d.String()), Reason: d.String(), Why: d.Message,
				Do: Advice(d.Reason)}
			switch state := ofDelivery(d); {
			case d.Suspended != nil:
				p.Why, p.Do = "It is suspended on the cluster"+d.Suspended.Text()+".", Advice("Suspended")
				p.Warn, p.weight = true, weightHeld
			case state == Failed:
				p.weight = weightFailed
			case state == Denied:
				p.weight = weightDenied
			default:
				p.Warn, p.weight = true, weightHeld
			}
			l.add(p, c.Name, d.Since)
		}
	}
}

// ofSecrets are secrets that are not as Git places them, where the placement's own state
// does not say so already.
func (f *Fleet) ofSecrets(l *list) {
	for i := range f.Status.Clusters {
		c := &f.Status.Clusters[i]
		if c.Standing == ledger.Left {
			continue
		}
		for j := range c.Secrets {
			s := &c.Secrets[j]
			p, is := ofMatch(s)
			if !is {
				continue
			}
			// What a delivery says already is not said again of each of its secrets.
			d := c.Delivery(s.Placement)
			if s.NeverPlaced || d != nil && d.Well() && !f.Status.Behind(*c) {
				p.Application, p.Secret = s.Placement, s.Object()
				l.add(p, c.Name, s.Since)
			}
		}
	}
}

func ofMatch(s *ledger.Secret) (p Problem, is bool) {
	switch {
	case s.NeverPlaced:
		return Problem{What: "A secret that Git never placed there", weight: weightFleet,
			Why: fmt.Sprintf("The cluster says that it has %s, and the key service never saw it placed there.", s.Object()),
			Do:  "Find out who put it there: the audit log says who was given what."}, true
	case s.Match == ledger.Missing:
		return Problem{What: "A secret is missing", weight: weightMissing,
			Why: "Git places it there, and the cluster does not have it.",
			Do:  "The cluster's events say why; a pod that needs it does not start."}, true
	case s.Match == ledger.NotPlaced:
		return Problem{What: "A secret is still there", Warn: true, weight: weightHeld,
			Why: "Git does not place it there any more, and the cluster still has it.",
			Do:  "It goes when nobody reads it any more: finish the rollout of who does."}, true
	case s.Match == ledger.Unknown:
		return Problem{What: "A secret of unknown making", Warn: true, weight: weightHeld,
			Why: "The cluster does not say what the secret was made from.",
			Do:  "Is its controller of the fleet's version? Its page says which it has."}, true
	}
	return Problem{}, false
}
