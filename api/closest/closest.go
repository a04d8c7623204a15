// Package closest finds the name that somebody may have meant.
package closest

import "strings"

// begins is how many letters are enough of a beginning.
const begins = 3

// Name is the nearest of names; empty when none is near. Whoever typed less than a name is
// taken to have left letters out rather than to have typed wrong ones.
func Name(name string, names []string) string {
	given := strings.ToLower(name)
	best, least := "", 2*(1+max(2, len(name)/4))
	for _, other := range names {
		word := strings.ToLower(other)
		d := 2*distance(given, word) + 1
		switch {
		case len(given) >= begins && strings.HasPrefix(word, given):
			d = 1
		case within(given, word):
			d--
		}
		if d < least {
			best, least = other, d
		}
	}
	return best
}

// within reports whether all characters of a short text stand in a long one, in their order.
func within(short, long string) bool {
	for i := range len(long) {
		if short != "" && short[0] == long[i] {
			short = short[1:]
		}
	}
	return short == ""
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
