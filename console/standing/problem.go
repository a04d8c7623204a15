package standing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Problem is something that is not as Git wants it, or that waits for somebody: what, why,
// and what to do. Alike ones are one.
type Problem struct {
	// What in a few words, Why as whoever noticed it said: a stranger's words. Reason is the
	// term for it, where there is one.
	What, Reason, Why, Do string
	// Warn: nothing is broken, it is only held.
	Warn bool
	// Application or Cluster that it is of, where it is of one; Secret is NAMESPACE/NAME.
	Application, Cluster, Secret string
	// Clusters that have it.
	Clusters Fold
	// Since is the earliest; nil where nobody said.
	Since *time.Time

	// weight sorts them: greater is worse. all are the clusters, those of Clusters and more.
	weight int
	all    []string
}

// Weights of problems, from what a person should see first.
const (
	weightWaits = iota + 1
	weightHeld
	weightSilent
	weightMissing
	weightDenied
	weightFailed
	weightFleet
)

// longestWhy bounds what is shown of a message, in bytes.
const longestWhy = 400

// Problems are those of the fleet, the worst first.
func (f *Fleet) Problems() []Problem { return f.problems() }

// ProblemsOf are those of one application, or of one cluster.
func (f *Fleet) ProblemsOf(application, cluster string) []Problem {
	var found []Problem
	for _, p := range f.problems() {
		switch {
		case application != "" && p.Application == application:
		case cluster != "" && (p.Cluster == cluster || p.has(cluster)):
		default:
			continue
		}
		found = append(found, p)
	}
	return found
}

func (p Problem) has(cluster string) bool {
	return slices.Contains(p.all, cluster)
}

// list gathers problems, and folds alike ones.
type list struct {
	of []Problem
	at map[string]int
}

func (l *list) add(p Problem, cluster string, since *time.Time) {
	p.Why, p.Reason = printable.Line(p.Why, longestWhy), printable.Line(p.Reason, longestReason)
	key := strings.Join([]string{p.What, p.Reason, p.Why, p.Application, p.Cluster, p.Secret}, "\x00")
	i, known := l.at[key]
	if !known {
		i = len(l.of)
		l.at[key], l.of = i, append(l.of, p)
	}
	if cluster != "" {
		l.of[i].Clusters = l.of[i].Clusters.add(cluster)
		l.of[i].all = append(l.of[i].all, cluster)
	}
	if was := l.of[i].Since; since != nil && (was == nil || since.Before(*was)) {
		l.of[i].Since = since
	}
}

// findProblems looks through everything once.
func (f *Fleet) findProblems() []Problem {
	l := &list{at: map[string]int{}}
	f.ofGit(l)
	if f.Status != nil {
		f.ofService(l)
		f.ofClusters(l)
		f.ofDeliveries(l)
		f.ofSecrets(l)
	}
	slices.SortStableFunc(l.of, func(a, b Problem) int {
		return cmp.Or(b.weight-a.weight, b.Clusters.Count-a.Clusters.Count, cmp.Compare(a.Application, b.Application),
			cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why))
	})
	return l.of
}
