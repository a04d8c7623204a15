package standing

import "strings"

// foldedRows are the applications, in the order of their names. Where there are many, those
// that stand alike everywhere are one row, at the place of the first.
func (f *Fleet) foldedRows(chosen []int, columns []Column, q Query) []Row {
	var rows []Row
	at := map[string]int{}
	counts := map[string]int{}
	keys := make([]string, len(chosen))
	cells := make([][]Cell, len(chosen))
	for i, r := range chosen {
		cells[i] = f.cellsOf(r, columns)
		keys[i] = keyOf(cells[i])
		counts[keys[i]]++
	}
	for i, r := range chosen {
		if j, known := at[keys[i]]; known && !q.Unfolded && counts[keys[i]] >= foldRows {
			rows[j].of, rows[j].Fold = append(rows[j].of, r), rows[j].add(f.applications[r])
			continue
		}
		row := Row{Cells: cells[i], of: []int{r}}
		row.Fold = row.add(f.applications[r])
		for _, c := range cells[i] {
			row.State = worse(row.State, c.State)
		}
		at[keys[i]] = len(rows)
		rows = append(rows, row)
	}
	return rows
}

// cellsOf are the cells of one application. Clusters of a column are alike, so that the
// first says it for all, but for a mixed one.
func (f *Fleet) cellsOf(row int, columns []Column) []Cell {
	cells := make([]Cell, len(columns))
	for i := range columns {
		c := &columns[i]
		cells[i].State = *f.at(row, c.of[0])
		if !c.Mixed {
			continue
		}
		for _, cluster := range c.of[1:] {
			if s := *f.at(row, cluster); s != cells[i].State {
				cells[i] = Cell{State: worse(s, cells[i].State), Differs: true}
			}
		}
	}
	return cells
}

func keyOf(cells []Cell) string {
	var key strings.Builder
	for _, c := range cells {
		key.WriteByte(byte(c.State))
		if c.Differs {
			key.WriteByte(byte(states))
		}
	}
	return key.String()
}

// sizes are how many clusters each set has.
func (f *Fleet) sizes() map[string]int {
	f.sized.Do(func() {
		f.sizeOf = map[string]int{}
		for _, sets := range f.sets {
			if sets == "" {
				continue
			}
			for set := range strings.SplitSeq(sets, "\n") {
				f.sizeOf[set]++
			}
		}
	})
	return f.sizeOf
}
