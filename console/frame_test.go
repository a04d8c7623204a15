package console

import (
	"strings"
	"testing"
)

// TestTheNavigationLeadsSomewhere: each entry has a route, and each section its entry.
func TestTheNavigationLeadsSomewhere(t *testing.T) {
	links := served()
	if len(links) == 0 {
		t.Fatal("no section is served")
	}
	for _, link := range links {
		found := false
		for _, r := range routes {
			found = found || strings.TrimSuffix(r.pattern, "{$}") == "GET "+link.Path
		}
		if !found {
			t.Errorf("%s leads to %s, which no route serves", link.Label, link.Path)
		}
	}
}
