package sealed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// Group are clusters that stand alike.
type Group struct {
	// State is Configured, Provisioned, In use, Deprovisioned or Unknown; "" where nobody
	// could be asked.
	State string
	// Says is what is to be said beside the state: another version, denied, silent.
	Says []string
	// Placed: the commit that is shown places it there.
	Placed bool
	Opens  Opens
	// Clusters are sorted; Since is when the first and the last of them came to stand so.
	Clusters   []string
	From, Till time.Time
}

// Apart says whether the first and the last of them came at times that a person tells
// apart: those of one change come within moments.
func (g Group) Apart() bool { return g.Till.Sub(g.From) >= time.Minute }

// words for what a cluster has against what Git places.
var words = map[ledger.Match]string{
	ledger.Outdated: "has another version than Git places", ledger.Missing: "has not taken it yet",
	ledger.NotPlaced: "has it, and Git does not place it there", ledger.Broken: "its application does not build",
	ledger.Unknown: "does not say which version it has",
}

// InWords is a state of the ledger as pages say it.
func InWords(state string) string {
	if state == "InUse" {
		return "In use"
	}
	return state
}

// Standing folds where an object is: the clusters that the commit places it on and those
// that say they have it. status is nil where the key service could not be asked.
func Standing(m *model.Model, s Secret, status *ledger.Status, kept Kept) []Group {
	all := map[string]*Group{}
	add := func(cluster string, g Group, since *time.Time) {
		id := fmt.Sprintf("%q %q %t %q %q %q", g.State, g.Says, g.Placed, g.Opens.Why, g.Opens.Via, g.Opens.Keys)
		at, known := all[id]
		if !known {
			at = &g
			all[id] = at
		}
		at.Clusters = append(at.Clusters, cluster)
		if since != nil {
			if at.From.IsZero() || since.Before(at.From) {
				at.From = *since
			}
			if since.After(at.Till) {
				at.Till = *since
			}
		}
	}
	said := reports(s.Ref, status)
	for _, part := range s.Parts {
		manifest := part.Blocks(kept)
		for _, cluster := range m.Got(part.Placement(s), part.Variant) {
			g := Group{Placed: true, Opens: part.For(m, cluster, manifest)}
			r, known := said[cluster]
			delete(said, cluster)
			add(cluster, r.into(g, known, status != nil), r.secret.Since)
		}
	}
	for cluster, r := range said {
		if r.secret.State == "Deprovisioned" && r.secret.Match == ledger.None {
			continue // it was there once, and went as it should
		}
		g := Group{Opens: Opens{Why: "the commit that is shown does not place it there"}}
		add(cluster, r.into(g, true, true), r.secret.Since)
	}
	groups := make([]Group, 0, len(all))
	for _, g := range all {
		slices.Sort(g.Clusters)
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(b.Clusters), len(a.Clusters)),
			strings.Compare(a.Clusters[0], b.Clusters[0]))
	})
	return groups
}

// rank puts what somebody should look at first.
func rank(g Group) int {
	switch {
	case len(g.Says) > 0 && g.Placed:
		return 0
	case g.Opens.Why != "" && g.Placed:
		return 1
	case !g.Placed:
		return 2
	}
	return 3
}

// Placement of a part is its object's.
func (p Part) Placement(s Secret) string { return s.Ref.Placement }

// report is what one cluster said of the object.
type report struct {
	secret ledger.Secret
	silent bool
	left   bool
}

func reports(ref Ref, status *ledger.Status) map[string]report {
	said := map[string]report{}
	if status == nil {
		return said
	}
	for _, c := range status.Clusters {
		for _, s := range c.Secrets {
			if s.Placement == ref.Placement && s.Namespace == ref.Namespace && s.Name == ref.Name {
				said[c.Name] = report{s, c.Silent, c.Standing == ledger.Left}
			}
		}
	}
	return said
}

func (r report) into(g Group, known, asked bool) Group {
	switch {
	case !asked:
		return g
	case !known:
		g.State = "Configured"
		return g
	}
	if g.State = InWords(r.secret.State); g.State == "" {
		g.State = "Unknown"
	}
	if word := words[r.secret.Match]; word != "" && (r.secret.Match != ledger.Missing || r.secret.State != "Configured") {
		g.Says = append(g.Says, word)
	}
	if r.secret.Denied {
		g.Says = append(g.Says, "denied by an operator")
	}
	if r.silent {
		g.Says = append(g.Says, "the cluster is silent: what it said last may be old")
	}
	if r.left {
		g.Says = append(g.Says, "the cluster left the fleet")
	}
	return g
}

// Denials are those that name the object's placement or a version of it, whatever the
// cluster.
func Denials(s Secret, status *ledger.Status) []ledger.Denial {
	if status == nil {
		return nil
	}
	var all []ledger.Denial
	for _, d := range status.Denied {
		byPlacement := d.Placement == "" || d.Placement == s.Ref.Placement
		byDigest := d.Digest == "" || slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Digest == d.Digest })
		if byPlacement && byDigest {
			all = append(all, d)
		}
	}
	return all
}
