package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/console/standing"
)

// mostLines is how many clusters, or folds of them, are on one page.
const mostLines = 100

// clustersPage is the list of clusters.
type clustersPage struct {
	*view

	Lines         []standing.Line
	Text          string
	Set, Word     string
	Sets, Words   []string
	From, To, All int
	Clusters      int // in all lines
	Before, After string
	// Each shows them one by one; "" where they are.
	Each string
}

func (c *Console) clusters(w http.ResponseWriter, r *http.Request) error {
	v, err := c.view(r, "", "")
	if err != nil {
		return err
	}
	q, unknown := readQuery(without(r.URL.Query(), "state"), v.Fleet)
	body := clustersPage{view: v, Text: q.Text, Set: q.Set, Word: r.URL.Query().Get("state"),
		Sets: slices.Sorted(maps.Keys(v.Model.Sets)), Words: standing.ClusterWords()}
	if body.Word != "" && !slices.Contains(body.Words, body.Word) {
		unknown = append(unknown, nobody("state", body.Word, body.Words))
	}
	v.Notices = append(v.Notices, unknown...)
	single := v.Fleet.Lines(standing.Query{Text: q.Text, Set: q.Set, Unfolded: true}, body.Word)
	body.Clusters = len(single)
	all := single
	if len(single) > mostLines && !q.Unfolded {
		all = v.Fleet.Lines(q, body.Word)
		body.Each = with(r, "rows", "all")
	}
	from := max(0, min(q.From, len(all)-1))
	to := min(len(all), from+mostLines)
	body.Lines, body.From, body.To, body.All = all[from:to], min(from+1, len(all)), to, len(all)
	if from > 0 {
		body.Before = with(r, "from", strconv.Itoa(max(0, from-mostLines)))
	}
	if to < len(all) {
		body.After = with(r, "from", strconv.Itoa(to))
	}
	return c.show(w, r, page{Template: "clusters.html", Title: "Clusters", Section: "clusters", Body: body})
}

func without(q url.Values, name string) url.Values {
	q.Del(name)
	return q
}

// clusterPage is one cluster.
type clusterPage struct {
	*view

	Cluster      *standing.Cluster
	Problems     []notice
	MoreProblems int
	Secrets      []clusterSecret
	MoreSecrets  int
	// Lost is where a person asks what to rotate if it is lost.
	Lost string
}

// clusterSecret is a secret on the cluster.
type clusterSecret struct {
	Object, Application, Address string
	State                        standing.State
	Users                        []string
}

// mostSecrets is how many are listed of one cluster.
const mostSecrets = 200

func (c *Console) cluster(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	v, err := c.view(r, name, "")
	if err != nil {
		return err
	}
	cluster, known := v.Cluster(name)
	if !known {
		return notFound(didYouMean(name, v.Fleet.Clusters())+"the page of clusters has all of them",
			"there is no cluster %q", clip(name))
	}
	body := clusterPage{view: v, Cluster: cluster, Lost: "/lost/" + url.PathEscape(name)}
	body.Problems, body.MoreProblems = problemNotices(r, v.ProblemsOf("", name))
	for i := range cluster.Secrets[:min(mostSecrets, len(cluster.Secrets))] {
		s := &cluster.Secrets[i]
		at := sealed.Ref{Placement: s.Placement, Namespace: s.Namespace, Name: s.Name}.Path()
		state := standing.SecretState(s)
		body.Secrets = append(body.Secrets, clusterSecret{s.Object(), s.Placement, at, state, s.Workloads})
	}
	body.MoreSecrets = len(cluster.Secrets) - len(body.Secrets)
	return c.show(w, r, page{Template: "cluster.html", Title: name, Section: "clusters", Body: body})
}
