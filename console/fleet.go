package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/console/standing"
)

// someProblems is how many a page shows before it is asked for all, mostProblems then.
const (
	someProblems = 8
	mostProblems = 200
)

// fleetPage is the page of everything: what is wrong, then the matrix.
type fleetPage struct {
	*view

	Problems     []notice
	MoreProblems int
	Matrix       standing.Matrix
	// Query is as it was asked for, State in words.
	Query       standing.Query
	Sets        []string
	States      []string
	Before, All string // addresses; "" for none
	After       string
	// Empty: Git has no application, or no cluster.
	NoApplications, NoClusters bool
}

func (c *Console) home(w http.ResponseWriter, r *http.Request) error {
	v, err := c.view(r, "", "")
	if err != nil {
		return err
	}
	q, unknown := readQuery(r.URL.Query(), v.Fleet)
	body := fleetPage{view: v, Query: q, Matrix: v.Matrix(q), Sets: slices.Sorted(maps.Keys(v.Model.Sets)),
		States: standing.StateWords(), NoApplications: len(v.Applications()) == 0, NoClusters: len(v.Clusters()) == 0}
	v.Notices = append(v.Notices, unknown...)
	body.Problems, body.MoreProblems = problemNotices(r, v.Fleet.Problems())
	if before := body.Matrix.Before(); before >= 0 {
		body.Before = with(r, "from", strconv.Itoa(before))
	}
	if after := body.Matrix.After(); after >= 0 {
		body.After = with(r, "from", strconv.Itoa(after))
	}
	body.All = with(r, "rows", "all")
	return c.show(w, r, page{Template: "home.html", Title: "Fleet", Section: "fleet", Body: body})
}

// with is the address of the same page with another value of one parameter.
func with(r *http.Request, name, value string) string {
	q := r.URL.Query()
	q.Set(name, value)
	return r.URL.Path + "?" + q.Encode()
}

// longestText bounds what is searched for, in bytes.
const longestText = 200

// readQuery reads what a person chose. What is unknown chooses nothing, and is told.
func readQuery(q url.Values, f *standing.Fleet) (out standing.Query, unknown []notice) {
	out.Text = strings.TrimSpace(q.Get("q"))
	if len(out.Text) > longestText {
		out.Text = strings.ToValidUTF8(out.Text[:longestText], "")
	}
	if set := q.Get("set"); set != "" {
		out.Set = set
		if f.Model.Sets[set] == nil {
			unknown = append(unknown, nobody("cluster set", set, slices.Sorted(maps.Keys(f.Model.Sets))))
		}
	}
	if word := q.Get("state"); word != "" {
		state, known := standing.ParseState(word)
		if out.State = state; !known {
			unknown = append(unknown, nobody("state", word, standing.StateWords()))
		}
	}
	out.From, _ = strconv.Atoi(q.Get("from"))
	out.Unfolded = q.Get("rows") == "all"
	return out, unknown
}

// nobody says that there is none of a name, and which one may be meant.
func nobody(kind, name string, names []string) notice {
	n := notice{Tone: "warn", What: fmt.Sprintf("There is no %s %q.", kind, clip(name))}
	if near := closest.Name(clip(name), names); near != "" {
		n.Do = fmt.Sprintf("Did you mean %q?", near)
	}
	return n
}

// clip keeps a name of an address from filling a page.
func clip(name string) string {
	const most = 80
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}

// problemNotices are as many as a page shows, and how many more there are.
func problemNotices(r *http.Request, all []standing.Problem) (shown []notice, more int) {
	most := someProblems
	if r.URL.Query().Get("problems") == "all" {
		most = mostProblems
	}
	for _, p := range all[:min(most, len(all))] {
		shown = append(shown, problemNotice(p, r.URL.EscapedPath()))
	}
	return shown, len(all) - len(shown)
}

// problemNotice is one on a page at an address, which what is of that page need not name.
func problemNotice(p standing.Problem, here string) notice {
	n := notice{Where: p.Why, Do: p.Do, What: p.What}
	if p.Warn {
		n.Tone = "warn"
	}
	if p.Reason != "" && p.Reason != p.What {
		n.Where = strings.TrimSuffix(p.Reason+": "+p.Why, ": ")
	}
	application := p.Application
	if here == applicationAddress(application) {
		application = ""
	}
	of := slices.DeleteFunc([]string{application, p.Secret, clustersText(p.Clusters)},
		func(s string) bool { return s == "" })
	if len(of) > 0 {
		n.What += ": " + strings.Join(of, ", ")
	}
	if p.Since != nil {
		n.What += ", since " + p.Since.UTC().Format(absolute)
	}
	switch {
	case application != "":
		n.Link, n.LinkText = applicationAddress(application), "Application "+application
	case p.Clusters.Count == 1:
		n.Link, n.LinkText = clusterAddress(p.Clusters.Name), "Cluster "+p.Clusters.Name
	case p.Cluster != "":
		n.Link, n.LinkText = clusterAddress(p.Cluster), "Cluster "+p.Cluster
	}
	if n.Link == here {
		n.Link, n.LinkText = "", ""
	}
	return n
}

func clustersText(f standing.Fold) string {
	const named = 3
	switch {
	case f.Count == 0:
		return ""
	case f.Count <= named:
		return "on " + strings.Join(f.Names, ", ")
	}
	return fmt.Sprintf("on %d clusters (%s, …)", f.Count, strings.Join(f.Names[:named], ", "))
}

func applicationAddress(name string) string { return "/applications/" + url.PathEscape(name) }

func clusterAddress(name string) string { return "/clusters/" + url.PathEscape(name) }
