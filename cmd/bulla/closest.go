package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/closest"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
)

// didYouMean begins a hint with the closest name, if there is one.
func didYouMean(name string, names []string) string {
	if near := closest.Name(name, names); near != "" {
		return fmt.Sprintf("did you mean %s? ", near)
	}
	return ""
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
