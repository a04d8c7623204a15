package standing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Cluster is one cluster, as a person asks about it.
type Cluster struct {
	Name string
	// Git is what Git says; nil for one that is not in the fleet.
	Git  *api.Cluster
	File string
	Sets []string
	// Said is what it said last; nil where nobody knows.
	Said *ledger.Cluster
	// Behind: it works at another commit than the accepted one.
	Behind       bool
	Applications []Placed
	Secrets      []ledger.Secret
}

// Placed is an application on a cluster.
type Placed struct {
	Name, Variant string
	State         State
	// Why is what the cluster said, Since when.
	Why     string
	Since   *time.Time
	Objects int
}

// Cluster is the one of that name; false where nobody heard of it.
func (f *Fleet) Cluster(name string) (*Cluster, bool) {
	i, known := f.cluster[name]
	if !known {
		return nil, false
	}
	c := &Cluster{Name: name, Git: f.Model.Clusters[name], File: f.Model.Files["Cluster/"+name], Said: f.said[i]}
	if f.sets[i] != "" {
		c.Sets = strings.Split(f.sets[i], "\n")
	}
	if c.Said != nil {
		c.Behind, c.Secrets = f.Status.Behind(*c.Said), c.Said.Secrets
	}
	for row, state := range f.column(i) {
		if state == None {
			continue
		}
		p := Placed{Name: f.applications[row], State: state}
		if of, err := f.Model.For(p.Name, name); err == nil {
			p.Variant = of.Variant
		}
		if c.Said != nil {
			if d := c.Said.Delivery(p.Name); d != nil {
				p.Since, p.Objects = d.Since, d.Objects
				if !d.Well() {
					p.Why = printable.Line(d.String()+": "+d.Message, longestWhy)
				}
			}
		}
		c.Applications = append(c.Applications, p)
	}
	slices.SortStableFunc(c.Applications, func(a, b Placed) int { return rank(b.State) - rank(a.State) })
	return c, true
}

// Line is one cluster in a list, or several that are alike.
type Line struct {
	Fold
	// Sets that all of them are in.
	Sets []string
	// Word is what it is to the fleet: Ready, Behind, Silent, Suspended and so on.
	Word string
	// State is the worst of what is placed there.
	State State
	// Reported is the oldest last report; zero where one never did.
	Reported time.Time
	Version  string
}

// Words of [Line.Word].
const (
	wordUnknown        = "Unknown"
	wordEnrolled       = "Ready"
	wordPending        = "Pending"
	wordSilent         = "Silent"
	wordBehind         = "Delivering"
	wordSuspended      = "Suspended"
	wordDecommissioned = "Deprovisioned"
)

// ClusterWords are the words to choose from.
func ClusterWords() []string {
	return []string{wordEnrolled, wordBehind, wordSilent, wordSuspended, wordPending, wordDecommissioned, wordUnknown}
}

func (f *Fleet) word(i int) string {
	git, said := f.Model.Clusters[f.clusters[i]], f.said[i]
	switch {
	case git == nil || git.Spec.Decommission:
		return wordDecommissioned
	case git.Spec.Suspend || said != nil && said.Suspended != nil:
		return wordSuspended
	case f.Status == nil:
		return wordUnknown
	case said == nil || said.Reported == nil:
		return wordPending
	case said.Silent:
		return wordSilent
	case f.Status.Behind(*said):
		return wordBehind
	}
	return wordEnrolled
}

// Lines are the clusters that a query chooses, whose word, where one is given, is that. In
// many, those that are alike are one, unless the query says otherwise.
func (f *Fleet) Lines(q Query, word string) []Line {
	q.State = None
	_, chosen := f.choose(Query{Set: q.Set})
	text := strings.ToLower(q.Text)
	var lines []Line
	at := map[string]int{}
	for _, i := range chosen {
		line := Line{Word: f.word(i), State: f.worstCell(i)}
		if word != "" && word != line.Word || !strings.Contains(strings.ToLower(f.clusters[i]), text) {
			continue
		}
		if f.said[i] != nil {
			line.Version = f.said[i].Version
			if f.said[i].Reported != nil {
				line.Reported = *f.said[i].Reported
			}
		}
		if f.sets[i] != "" {
			line.Sets = strings.Split(f.sets[i], "\n")
		}
		key := strings.Join([]string{f.sets[i], line.Word, line.State.String(), line.Version}, "\x00")
		j, known := at[key]
		if q.Unfolded || !known {
			at[key], j = len(lines), len(lines)
			lines = append(lines, line)
		}
		lines[j].Fold = lines[j].add(f.clusters[i])
		if lines[j].Reported.After(line.Reported) {
			lines[j].Reported = line.Reported
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(rank(b.State)-rank(a.State), wordRank(b.Word)-wordRank(a.Word))
	})
	return lines
}

func (f *Fleet) worstCell(cluster int) (worst State) {
	for _, s := range f.column(cluster) {
		worst = worse(worst, s)
	}
	return worst
}

func wordRank(word string) int {
	return slices.Index([]string{wordEnrolled, wordUnknown, wordDecommissioned, wordBehind, wordPending, wordSuspended,
		wordSilent}, word)
}
