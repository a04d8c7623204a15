package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/fault"
)

// closest is the name that somebody may have meant; empty when none is near.
func closest(name string, names []string) string {
	best, least := "", 1+max(2, len(name)/4)
	for _, other := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(other)); d < least {
			best, least = other, d
		}
	}
	return best
}

// didYouMean begins a hint with the closest name, if there is one.
func didYouMean(name string, names []string) string {
	if near := closest(name, names); near != "" {
		return fmt.Sprintf("did you mean %s? ", near)
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

// oneOf refuses the value of a flag that is none of those there are.
func oneOf(flag, value string, known []string) error {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return fault.NewUsage(didYouMean(value, known)+"one of "+strings.Join(known, ", "), "--%s %q is unknown", flag, value)
}

// nothing tells on standard error that a list is empty: what is on standard
// output stays for machines.
func (a *app) nothing(rows int, what string) {
	if rows == 0 {
		fmt.Fprintf(a.stderr, "nothing matched: %s\n", what)
	}
}
