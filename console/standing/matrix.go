package standing

import (
	"cmp"
	"slices"
	"strings"
)

// Query says what of a fleet is shown. Empty fields choose all.
type Query struct {
	// Text is in the name of an application; where it is in none, in that of a cluster.
	Text string
	// Set keeps the clusters of one set.
	Set string
	// State keeps the applications and the clusters that have a cell in it; None keeps all.
	State State
	// From is the first row, of many.
	From int
	// Unfolded shows alike applications one by one.
	Unfolded bool
}

// Bounds of a page.
const (
	mostRows    = 60
	mostColumns = 16
	// foldRows is how many alike applications are one row.
	foldRows = 4
)

// Matrix is applications by clusters.
type Matrix struct {
	Columns []Column
	Rows    []Row
	// From is the first row shown, counted from 0, of All.
	From, All int
	// Applications and Clusters are how many were chosen, of all that there are.
	Applications, Clusters       int
	AllApplications, AllClusters int
}

// Column is clusters that are alike: in the same sets, with the same states.
type Column struct {
	Fold
	// Set is the least set that has them all; "" for none.
	Set string
	// Whole: they are all that the set has.
	Whole bool
	// Mixed: they are not alike, and are what a page had no room for.
	Mixed bool
	// State is the worst of its cells.
	State State

	of []int
}

// Row is applications that stand alike on every cluster.
type Row struct {
	Fold
	Cells []Cell
	// State is the worst of its cells.
	State State

	of []int
}

// Cell is one application, or some that are alike, on the clusters of a column.
type Cell struct {
	State State
	// Differs: other clusters of a mixed column have it in another state.
	Differs bool
}

// Fold is names that are shown as one.
type Fold struct {
	// Name is the first; Names are those that there is room for.
	Name  string
	Names []string
	Count int
}

// mostNames is how many names of a fold are shown.
const mostNames = 12

func (f Fold) add(name string) Fold {
	if f.Count == 0 {
		f.Name = name
	}
	if f.Count++; len(f.Names) < mostNames {
		f.Names = append(f.Names, name)
	}
	return f
}

// Others are how many names there are but the first.
func (f Fold) Others() int { return f.Count - 1 }

// More is how many names there was no room for.
func (f Fold) More() int { return f.Count - len(f.Names) }

// Matrix is what a query chooses.
func (f *Fleet) Matrix(q Query) Matrix {
	rows, columns := f.choose(q)
	m := Matrix{Applications: len(rows), Clusters: len(columns), AllApplications: len(f.applications),
		AllClusters: len(f.clusters)}
	m.Columns = f.foldColumns(rows, columns)
	all := f.foldedRows(rows, m.Columns, q)
	m.All, m.From = len(all), max(0, min(q.From, len(all)-1))
	m.Rows = all[m.From:min(len(all), m.From+mostRows)]
	return m
}

// Before and After are the first rows of the pages around this one; -1 for none.
func (m Matrix) Before() int {
	if m.From == 0 {
		return -1
	}
	return max(0, m.From-mostRows)
}

// After is the first row of the next page; -1 for none.
func (m Matrix) After() int {
	if m.From+len(m.Rows) >= m.All {
		return -1
	}
	return m.From + len(m.Rows)
}

// First and Last are the rows shown, counted from 1.
func (m Matrix) First() int { return min(m.From+1, m.All) }

// Last is the last row shown, counted from 1.
func (m Matrix) Last() int { return m.From + len(m.Rows) }

// choose gives the applications and clusters that a query keeps.
func (f *Fleet) choose(q Query) (rows, columns []int) {
	text := strings.ToLower(q.Text)
	has := func(name string) bool { return strings.Contains(strings.ToLower(name), text) }
	byName := text != "" && slices.ContainsFunc(f.applications, has)
	for i, name := range f.applications {
		if !byName || has(name) {
			rows = append(rows, i)
		}
	}
	for i, name := range f.clusters {
		if (byName || text == "" || has(name)) && (q.Set == "" || f.isIn(i, q.Set)) {
			columns = append(columns, i)
		}
	}
	if q.Set != "" {
		rows = f.keepRows(rows, columns, func(s State) bool { return s != None })
	}
	if q.State != None {
		in := func(s State) bool { return s == q.State }
		columns = slices.DeleteFunc(columns, func(c int) bool {
			return !slices.ContainsFunc(rows, func(r int) bool { return in(*f.at(r, c)) })
		})
		rows = f.keepRows(rows, columns, in)
	}
	if len(columns) == 0 {
		return nil, nil
	}
	return rows, columns
}

func (f *Fleet) keepRows(rows, columns []int, keep func(State) bool) []int {
	return slices.DeleteFunc(rows, func(r int) bool {
		return !slices.ContainsFunc(columns, func(c int) bool { return keep(*f.at(r, c)) })
	})
}

func (f *Fleet) isIn(cluster int, set string) bool {
	return slices.Contains(strings.Split(f.sets[cluster], "\n"), set)
}

// foldColumns puts clusters that are alike together, the most troubled first, and what
// there is no room for into one column at the end.
func (f *Fleet) foldColumns(rows, chosen []int) []Column {
	var columns []Column
	at := map[string]int{}
	key := make([]byte, 0, len(rows)+64)
	for _, c := range chosen {
		key = append(key[:0], f.sets[c]...)
		key = append(key, 0)
		for _, r := range rows {
			key = append(key, byte(*f.at(r, c)))
		}
		i, known := at[string(key)]
		if !known {
			i = len(columns)
			at[string(key)], columns = i, append(columns, Column{State: f.worstOf(rows, c)})
		}
		columns[i].of, columns[i].Fold = append(columns[i].of, c), columns[i].add(f.clusters[c])
	}
	slices.SortStableFunc(columns, func(a, b Column) int {
		return cmp.Or(rank(b.State)-rank(a.State), b.Count-a.Count, cmp.Compare(a.Name, b.Name))
	})
	if len(columns) > mostColumns {
		columns = append(columns[:mostColumns-1:mostColumns-1], mix(columns[mostColumns-1:]))
	}
	for i := range columns {
		f.nameColumn(&columns[i])
	}
	return columns
}

// rank has everything that is well alike: which of it comes first is no matter of states.
func rank(s State) int {
	if !s.Troubled() {
		return 0
	}
	return int(s)
}

func (f *Fleet) worstOf(rows []int, cluster int) (worst State) {
	for _, r := range rows {
		worst = worse(worst, *f.at(r, cluster))
	}
	return worst
}

func mix(columns []Column) Column {
	mixed := Column{Mixed: true}
	for _, c := range columns {
		mixed.State = worse(mixed.State, c.State)
		for _, name := range c.Names {
			mixed.Fold = mixed.add(name)
		}
		mixed.Count += c.More()
		mixed.of = append(mixed.of, c.of...)
	}
	return mixed
}

// nameColumn finds the least set that has all clusters of a column.
func (f *Fleet) nameColumn(c *Column) {
	if c.Mixed || c.Count < 2 || f.sets[c.of[0]] == "" {
		return
	}
	least := 0
	for set := range strings.SplitSeq(f.sets[c.of[0]], "\n") {
		if n := f.sizes()[set]; c.Set == "" || n < least {
			c.Set, least = set, n
		}
	}
	c.Whole = least == c.Count
}
