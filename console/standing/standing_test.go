package standing_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/standing"
	"github.com/bulla-dev/bulla/desk/ledger"
)

func TestACellIsWhatTheClusterSaysAndNothingBetter(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world, c *ledger.Cluster)
		want   standing.State
	}{
		"all is well":  {func(*world, *ledger.Cluster) {}, standing.InUse},
		"no pod reads": {func(_ *world, c *ledger.Cluster) { c.Secrets[0].State = "Provisioned" }, standing.Provisioned},
		"no secrets":   {func(_ *world, c *ledger.Cluster) { c.Secrets = nil }, standing.Delivered},
		"its only secret was taken away": {func(_ *world, c *ledger.Cluster) {
			c.Secrets[0] = ledger.Secret{Placement: "pay", Name: "db", State: "Deprovisioned"}
		}, standing.Delivered},
		"one secret was taken away": {func(_ *world, c *ledger.Cluster) {
			c.Secrets = append(c.Secrets, ledger.Secret{Placement: "pay", Name: "old", State: "Deprovisioned"})
		}, standing.InUse},
		"the secret is missing": {func(_ *world, c *ledger.Cluster) {
			c.Secrets[0].Match, c.Secrets[0].State = ledger.Missing, "Configured"
		}, standing.Missing},
		"an older value": {func(_ *world, c *ledger.Cluster) { c.Secrets[0].Match = ledger.Outdated }, standing.Delivering},
		"denied":         {func(_ *world, c *ledger.Cluster) { c.Secrets[0].Denied = true }, standing.Denied},
		"waits for a wave": {func(_ *world, c *ledger.Cluster) {
			c.Deliveries[0].Ready, c.Deliveries[0].Reason = "Unknown", "WaitingForWave"
		}, standing.Held},
		"the API server refuses": {func(_ *world, c *ledger.Cluster) {
			c.Deliveries[0].Ready, c.Deliveries[0].Reason = "False", "ApplyFailed"
		}, standing.Failed},
		"a reason that nobody knows": {func(_ *world, c *ledger.Cluster) {
			c.Deliveries[0].Ready, c.Deliveries[0].Reason = "False", "Whatever"
		}, standing.Failed},
		"suspended there": {func(_ *world, c *ledger.Cluster) {
			c.Deliveries[0].Suspended = &ledger.Suspension{By: "ann"}
		}, standing.Held},
		"silent": {func(_ *world, c *ledger.Cluster) { c.Silent = true }, standing.Silent},
		"silent and failed": {func(_ *world, c *ledger.Cluster) {
			c.Silent, c.Deliveries[0].Ready, c.Deliveries[0].Reason = true, "False", "ApplyFailed"
		}, standing.Failed},
		"said nothing of it": {func(_ *world, c *ledger.Cluster) { c.Deliveries, c.Secrets = nil, nil }, standing.Missing},
		"behind, and said nothing": {func(_ *world, c *ledger.Cluster) {
			c.Deliveries, c.Secrets, c.Head = nil, nil, "h1"
		}, standing.Configured},
		"never reported": {func(_ *world, c *ledger.Cluster) {
			c.Deliveries, c.Secrets, c.Reported, c.Silent = nil, nil, nil, true
		}, standing.Configured},
		"not placed any more": {func(w *world, c *ledger.Cluster) {
			w.status.Placements, w.model.Placements = nil, nil
			c.Secrets[0].Match, c.Secrets[0].PlacedDigest = ledger.NotPlaced, ""
		}, standing.Leaving},
		"merged, and not accepted yet": {func(w *world, c *ledger.Cluster) {
			w.status.Placements, c.Deliveries, c.Secrets = nil, nil, nil
		}, standing.Configured},
		"nothing": {func(w *world, c *ledger.Cluster) {
			w.status.Placements, w.model.Placements, c.Deliveries, c.Secrets = nil, nil, nil, nil
		}, standing.None},
		"Git alone": {func(w *world, _ *ledger.Cluster) { w.status = nil }, standing.Configured},
	} {
		w := newWorld(2)
		w.place("pay", "all")
		test.change(w, w.cluster(t, "c0001"))
		if got := w.fleet().State("pay", "c0001"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestAlikeClustersAreOneColumn(t *testing.T) {
	w := newWorld(3000)
	for _, name := range []string{"pay", "web"} {
		w.place(name, "all")
	}
	w.place("early", "canary")
	for _, name := range []string{"c0001", "c0002", "c0010"} {
		w.cluster(t, name).Silent = true
	}
	m := w.fleet().Matrix(standing.Query{})
	var got []string
	for _, c := range m.Columns {
		got = append(got, strings.Join([]string{c.Set, c.Name, c.State.String()}, " "))
	}
	want := []string{"all c0001 Silent", " c0010 Silent", "all c0003 In use", "canary c0000 In use"}
	if !slices.Equal(got, want) {
		t.Errorf("columns %q, want %q", got, want)
	}
	if c := m.Columns[2]; c.Count != 2698 || len(c.Names) != 12 || c.More() != 2686 || c.Whole {
		t.Errorf("folded %d, %d of them named, whole %v", c.Count, len(c.Names), c.Whole)
	}
	if m.AllClusters != 3000 || m.Applications != 3 {
		t.Errorf("counts %+v", m)
	}
}

// TestAPageIsBoundedWhateverTheFleetIs: each cluster differs from every other one.
func TestAPageIsBoundedWhateverTheFleetIs(t *testing.T) {
	w := newWorld(300)
	for i := range 200 {
		w.place("app"+string(rune('a'+i/26))+string(rune('a'+i%26)), "all")
	}
	for i := range w.status.Clusters {
		c := &w.status.Clusters[i]
		for j := range c.Deliveries {
			if i>>(j%9)&1 == 1 {
				c.Deliveries[j].Ready, c.Deliveries[j].Reason, c.Deliveries[j].Message = "False", "ApplyFailed", c.Name
			}
		}
	}
	f := w.fleet()
	m := f.Matrix(standing.Query{Unfolded: true})
	if len(m.Columns) != 16 || len(m.Rows) != 60 || m.After() != 60 || m.Before() != -1 {
		t.Fatalf("%d columns, %d rows, then %d", len(m.Columns), len(m.Rows), m.After())
	}
	last := m.Columns[15]
	if total := 0; !last.Mixed || last.State != standing.Failed {
		t.Errorf("the last column is %+v", last)
	} else {
		for _, c := range m.Columns {
			total += c.Count
		}
		if total != 300 {
			t.Errorf("the columns have %d clusters", total)
		}
	}
	if next := f.Matrix(standing.Query{Unfolded: true, From: 180}); len(next.Rows) != 20 || next.After() != -1 {
		t.Errorf("the last page has %d rows", len(next.Rows))
	}
	if beyond := f.Matrix(standing.Query{From: 1 << 30}); len(beyond.Rows) == 0 {
		t.Error("a page beyond the end is empty")
	}
}

func TestAQueryKeepsWhatItNames(t *testing.T) {
	w := newWorld(20)
	w.place("pay", "all")
	w.place("web", "canary")
	c := w.cluster(t, "c0010")
	c.Deliveries[0].Ready, c.Deliveries[0].Reason = "False", "ApplyFailed"
	for name, test := range map[string]struct {
		query              standing.Query
		applications, clus int
	}{
		"nothing":           {standing.Query{}, 2, 20},
		"an application":    {standing.Query{Text: "PA"}, 1, 20},
		"a cluster":         {standing.Query{Text: "c001"}, 2, 10},
		"nobody":            {standing.Query{Text: "<script>"}, 0, 0},
		"a set":             {standing.Query{Set: "canary"}, 2, 2},
		"no such set":       {standing.Query{Set: "none"}, 0, 0},
		"what failed":       {standing.Query{State: standing.Failed}, 1, 1},
		"what nobody is in": {standing.Query{State: standing.Denied}, 0, 0},
	} {
		m := w.fleet().Matrix(test.query)
		if m.Applications != test.applications || m.Clusters != test.clus {
			t.Errorf("%s: %d by %d, want %d by %d", name, m.Applications, m.Clusters, test.applications, test.clus)
		}
	}
}

func TestAlikeApplicationsAreOneRowInTheirPlace(t *testing.T) {
	w := newWorld(3)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.place(name, "all")
	}
	w.cluster(t, "c0000").Deliveries[2].Ready = "False"
	m := w.fleet().Matrix(standing.Query{})
	if len(m.Rows) != 2 || m.Rows[0].Count != 4 || m.Rows[1].Name != "c" {
		t.Errorf("rows %+v", m.Rows)
	}
	if m = w.fleet().Matrix(standing.Query{Unfolded: true}); len(m.Rows) != 5 {
		t.Errorf("%d rows, one by one", len(m.Rows))
	}
}

func TestProblemsAreFoldedAndTheWorstIsFirst(t *testing.T) {
	w := newWorld(40)
	w.place("pay", "all")
	w.place("web", "canary")
	for i := range w.status.Clusters {
		c := &w.status.Clusters[i]
		switch {
		case i < 10:
			d := &c.Deliveries[0]
			d.Ready, d.Reason, d.Message = "Unknown", "WaitingForWindow", "opens at 02:00"
			d.Since = before(time.Duration(i) * time.Hour)
		case i < 30:
			d := &c.Deliveries[0]
			d.Ready, d.Reason, d.Message = "False", "ApplyFailed", "no\x1b[2J such\u202e kind"
		case i == 31:
			c.Secrets[0].NeverPlaced = true
		case i == 32:
			c.Secrets[0].Match = ledger.Missing
		case i == 33:
			c.Silent, c.Reported = true, before(time.Hour)
		}
	}
	w.status.Refused = &ledger.RefusedTip{Tip: "h3", Reason: "CommitNotVerified", Since: now}
	f := w.fleet()
	var got []string
	for _, p := range f.Problems() {
		got = append(got, p.What)
		if p.Do == "" || p.Why == "" || strings.ContainsAny(p.Why, "\x1b\u202e") {
			t.Errorf("%s: why %q, do %q", p.What, p.Why, p.Do)
		}
	}
	want := []string{"The repository's newest commit is refused", "A secret that Git never placed there",
		"The cluster refuses an object", "A secret is missing", "Silent", "A new version waits for its window"}
	if !slices.Equal(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
	if p := f.Problems()[5]; p.Clusters.Count != 10 || !p.Since.Equal(*before(9 * time.Hour)) || !p.Warn {
		t.Errorf("folded: %+v", p)
	}
	if of := f.ProblemsOf("", "c0025"); len(of) != 1 || of[0].Reason != "ApplyFailed" {
		t.Errorf("of a cluster that a fold has no room for: %+v", of)
	}
	if of := f.ProblemsOf("web", ""); len(of) != 0 {
		t.Errorf("of an application that is well: %+v", of)
	}
}

// TestEveryReasonHasAdvice: the page and the console say the same reasons.
func TestEveryReasonHasAdvice(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(page), "## Codes")
	var reasons []string
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(text, -1) {
		reasons = append(reasons, m[1])
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(text, -1) {
		for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			reasons = append(reasons, m[1])
		}
	}
	if len(reasons) < 30 {
		t.Fatalf("the page has %d reasons", len(reasons))
	}
	slices.Sort(reasons)
	if known := standing.Reasons(); !slices.Equal(known, reasons) {
		t.Errorf("advice for %q, the page has %q", known, reasons)
	}
	if standing.Advice("Whatever") == "" {
		t.Error("a reason that nobody knows has no advice")
	}
}

func TestClustersAreFoldedInALongList(t *testing.T) {
	w := newWorld(200)
	w.place("pay", "all")
	w.cluster(t, "c0007").Silent = true
	w.model.Clusters["c0008"].Spec.Suspend = true
	w.cluster(t, "c0008").Standing = ledger.Suspended
	f := w.fleet()
	lines := f.Lines(standing.Query{}, "")
	if len(lines) != 4 || lines[0].Word != "Silent" || lines[1].Word != "Suspended" || lines[2].Count != 20 ||
		lines[3].Count != 178 { // the worst first
		t.Errorf("lines %+v", lines)
	}
	if lines := f.Lines(standing.Query{Text: "c00", Unfolded: true}, "Ready"); len(lines) != 98 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestAnApplicationSaysWhereItIs(t *testing.T) {
	w := newWorld(20)
	w.place("pay", "all")
	w.cluster(t, "c0004").Silent = true
	a, ok := w.fleet().Application("pay")
	if !ok || len(a.States) != 2 || a.States[0].State != standing.Silent || a.States[1].Clusters.Count != 19 ||
		a.Targets[0].Clusters != 20 || !slices.Equal(a.Paths(), []string{"apps/pay"}) {
		t.Errorf("application %+v, %v", a, a.Paths())
	}
	secrets := w.fleet().Secrets("pay", nil)
	if len(secrets) != 1 || secrets[0].Object() != "pay/db" || secrets[0].States[0].State != standing.Silent {
		t.Errorf("secrets %+v", secrets)
	}
	if _, ok := w.fleet().Application("nobody"); ok {
		t.Error("an application that nobody heard of is there")
	}
	c, ok := w.fleet().Cluster("c0010")
	if !ok || !slices.Equal(c.Sets, []string{"all", "canary"}) || len(c.Applications) != 1 || len(c.Secrets) != 1 {
		t.Errorf("cluster %+v", c)
	}
}

// TestWhoReadsASecretIsSaidOnce, as Git names it and as clusters do.
func TestWhoReadsASecretIsSaidOnce(t *testing.T) {
	s := standing.Secret{Namespace: "shop", Readers: []string{"Deployment shop/api", "Deployment shop/worker"},
		Users: []string{standing.InNamespace("Deployment/api", "shop"), "Pod shop/by-hand"}}
	want := []standing.ReadBy{{Workload: "Deployment shop/api", Uses: true}, {Workload: "Deployment shop/worker"},
		{Workload: "Pod shop/by-hand", Uses: true}}
	if got := s.ReadBy(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
