// Package closest finds the name that somebody may have meant.
package closest

import "strings"

// Name is the nearest of names; empty when none is near.
func Name(name string, names []string) string {
	best, least := "", 1+max(2, len(name)/4)
	for _, other := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(other)); d < least {
			best, least = other, d
		}
	}
	return best
}

// Hint begins a hint with the name that is near, if there is one: "did you mean db? ".
func Hint(name string, names []string) string {
	if near := Name(name, names); near != "" {
		return "did you mean " + near + "? "
	}
	return ""
}

// distance is how many characters must be put in, taken out or replaced
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
