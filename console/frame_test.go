package console

import (
	"strings"
	"testing"
)

// TestTheNavigationLeadsSomewhere: each entry has a route, and each section its entry.
func TestTheNavigationLeadsSomewhere(t *testing.T) {
	for _, link := range navigation {
		found := false
		for _, r := range routes {
			found = found || strings.TrimSuffix(r.pattern, "{$}") == "GET "+link.Path
		}
		if !found {
			t.Errorf("%s leads to %s, which no route serves", link.Label, link.Path)
		}
	}
}
