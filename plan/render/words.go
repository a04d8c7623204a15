package render

import (
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/plan"
)

// NoChanges is the verdict of a plan without any.
const NoChanges = "no changes"

// Verdict is a plan in one line: grants first, since they cannot be taken back from who
// opened them.
func Verdict(p *plan.Plan) string {
	var parts []string
	s := p.Summary
	add := func(n int, format string, args ...any) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.Blockers, "blocked by %s", count(s.Blockers, "problem"))
	add(s.SecretsGained, "%s %s %s", count(s.ClustersGaining, "cluster"), verb(s.ClustersGaining, "gain"),
		count(s.SecretsGained, "secret"))
	add(s.SecretsLost, "%s %s %s", count(s.ClustersLosing, "cluster"), verb(s.ClustersLosing, "lose"),
		count(s.SecretsLost, "secret"))
	add(s.SecretsChanged, "%s with another value", count(s.SecretsChanged, "secret"))
	add(s.EndsMoved, "%s %s at another time, or never", count(s.EndsMoved, "placement"), verb(s.EndsMoved, "end"))
	add(s.SecretsMoved, "%s moved", count(s.SecretsMoved, "secret"))
	add(s.MissingLocks, "%s without a lock", count(s.MissingLocks, "secret"))
	add(s.Returns, "%s %s from history", count(s.Returns, "old value"), verb(s.Returns, "return"))
	add(s.ObjectsAdded, "%s added", count(s.ObjectsAdded, "object"))
	add(s.ObjectsChanged, "%s changed", count(s.ObjectsChanged, "object"))
	add(s.ObjectsMoved, "%s moved", count(s.ObjectsMoved, "object"))
	add(s.ObjectsRemoved, "%s removed", count(s.ObjectsRemoved, "object"))
	add(s.Restarts, "%s restarted", count(s.Restarts, "workload"))
	add(s.PrunesHeld, "%s held by the guard", count(s.PrunesHeld, "removal"))
	add(len(p.Fleet), "fleet.yaml changes")
	files := 0
	for _, c := range p.ClusterFiles {
		files += c.On.Count
	}
	add(files, "%s %s", count(files, "cluster file"), verb(files, "change"))
	add(len(p.Waves), "waves of %s change", count(len(p.Waves), "placement"))
	if len(parts) == 0 && p.Changes() {
		parts = append(parts, "settings change, and nothing that is granted or built")
	}
	if len(parts) == 0 {
		return NoChanges
	}
	return strings.Join(parts, "; ")
}

// verb is in the form for so many.
func verb(n int, word string) string {
	return plural.Verb(n, word+"s", word)
}

// count is "1 secret", "3,000 clusters".
func count(n int, noun string) string {
	return thousands(n) + " " + plural.Noun(n, noun)
}

func thousands(n int) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// sign marks a change as diff does.
func sign(c plan.Change) string {
	switch c {
	case plan.Gained, plan.Added:
		return "+"
	case plan.Lost, plan.Removed:
		return "-"
	case plan.Moved:
		return ">"
	}
	return "~"
}

// mostNames of clusters stand in a line.
const mostNames = 8

// title names clusters and says how many they are.
func title(c plan.Clusters) string {
	if c.Count == 1 {
		return c.Title
	}
	if strings.HasPrefix(c.Title, "set/") {
		return count(c.Count, "cluster") + " of " + c.Title
	}
	shown := c.Names[:min(len(c.Names), mostNames)]
	names := strings.Join(shown, ", ")
	if more := c.Count - len(shown); more > 0 {
		names += fmt.Sprintf(" and %s more", thousands(more))
	}
	return c.Title + ": " + names
}

// files lists paths, and says how many are left out.
func files(all []string) string {
	shown := all[:min(len(all), mostNames)]
	text := strings.Join(shown, ", ")
	if more := len(all) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %s more", thousands(more))
	}
	return text
}

// short is enough of a commit to find it by.
func short(commit string) string { return commit[:min(len(commit), 12)] }

func grantWords(g plan.Grant) string {
	switch g.Change {
	case plan.Gained:
		return "gains"
	case plan.Lost:
		return "loses"
	case plan.Moved:
		return "keeps, moved from " + g.From + ","
	}
	return "another value of"
}

// because is one cause in words.
func because(c plan.Cause) string {
	if len(c.Files) == 0 {
		return c.What
	}
	return files(c.Files) + ": " + c.What
}

func placementWords(d plan.Delivery) string {
	text := d.Placement
	switch {
	case d.Change != plan.Changed:
		text += " is " + string(d.Change)
	case d.Before != d.After:
		text += fmt.Sprintf(" changes from %s to %s", variant(d.Before), variant(d.After))
	default:
		text += " changes"
	}
	return text
}

func variant(name string) string {
	if name == "" {
		return "its own variant"
	}
	return "variant " + name
}

func objectWords(o plan.ObjectChange) string {
	text := o.Object.String()
	if len(o.Fields) > 0 {
		text += " " + strings.Join(o.Fields, " ")
	}
	if o.Other != "" {
		text += ", from placement " + o.Other
	}
	if o.Stays != "" {
		text += ", which stays: " + o.Stays
	}
	return text
}

// asides are what else is to be known of a delivery.
func asides(d plan.Delivery) (all []string) {
	if len(d.Settings) > 0 {
		all = append(all, "other settings: "+strings.Join(d.Settings, ", "))
	}
	if d.Ends != "" {
		all = append(all, d.Ends)
	}
	if len(d.Restarts) > 0 {
		var names []string
		for _, o := range d.Restarts {
			names = append(names, o.String())
		}
		all = append(all, "restarts "+files(names))
	}
	if d.Prune != nil {
		all = append(all, pruneWords(d))
		if d.Prune.Kept > 0 {
			all = append(all, count(d.Prune.Kept, "object")+" of that stay until it is mended: "+d.Prune.KeptFor)
		}
	}
	return append(all, d.Waits...)
}

func pruneWords(d plan.Delivery) string {
	what := "objects"
	if d.Change == plan.Removed {
		what = "placements"
	}
	text := fmt.Sprintf("%d of %d %s leave; the guard lets %d%% go, and %s at any rate", d.Prune.Leaving, d.Prune.Of,
		what, d.Prune.MaxShare, count(d.Prune.Free, strings.TrimSuffix(what, "s")))
	if len(d.Prune.Consented) > 0 {
		text += "; fleet.yaml consents to what " + shortAll(d.Prune.Consented) +
			" left out, if the merge keeps that commit (no squash, no rebase)"
	}
	switch {
	case d.Prune.Stays != "" && d.Prune.Sealed == 0:
		return "what is removed stays: " + d.Prune.Stays
	case d.Prune.Stays != "":
		text = "what is plain stays: " + d.Prune.Stays + "; what was sealed goes: " + count(d.Prune.Sealed, "object")
		if d.Prune.Held {
			text += ", once somebody consents (spec.prune.consent in fleet.yaml)"
		}
		return text
	case d.Prune.Held:
		return text + ": they stay until somebody consents (spec.prune.consent in fleet.yaml)"
	}
	return text
}

func problemWords(p plan.Problem) string {
	text := p.Problem
	if p.Placement != "" {
		text = "placement " + p.Placement + ": " + text
	}
	switch {
	case p.File != "" && p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, text)
	case p.File != "":
		return p.File + ": " + text
	}
	return text
}

func missingWords(m plan.Missing) string {
	return fmt.Sprintf("%s %s %s: %s", m.Placement, m.Object, strings.Join(m.Fields, " "), m.Problem)
}

func shortAll(commits []string) string {
	var all []string
	for _, c := range commits {
		all = append(all, short(c))
	}
	return strings.Join(all, ", ")
}

// waveWords are how a placement's clusters take their turns otherwise.
func waveWords(w plan.WaveChange) string {
	text := fmt.Sprintf("waves of %s, by clusters: %s; they were: %s", w.Placement, orNone(w.After), orNone(w.Before))
	if len(w.Files) > 0 {
		text += ", by " + files(w.Files)
	}
	return text
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func returnWords(r plan.Return) string {
	return fmt.Sprintf("%s %s: the value that %s had, and the base has no more", r.Stub, strings.Join(r.Fields, " "),
		short(r.Commit))
}

const returnHint = "somebody may know it: seal a new one (bulla set), unless going back is what is meant"

func dueWords(k plan.KeyDue) string {
	return fmt.Sprintf("%s need sealing key %s, which is %s", count(k.Stubs, "stub"), k.Key, k.Status)
}
