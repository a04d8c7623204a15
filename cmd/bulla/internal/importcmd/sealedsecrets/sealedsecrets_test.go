package sealedsecrets

import (
	"errors"
	"strings"
	"testing"
)

// TestTheLibrarysOwnTextIsNotPassedOn: that of a template may hold a value.
func TestTheLibrarysOwnTextIsNotPassedOn(t *testing.T) {
	for _, text := range []string{
		"config: template: config:1:3: executing: error calling fail: horse", "a: no key could decrypt secret, b: horse",
		"using deprecated 'data' field: horse",
	} {
		why, hint := explain(errors.New(text), &named{})
		if strings.Contains(why+hint, "horse") || why == "" || hint == "" {
			t.Errorf("%s: %s; %s", text, why, hint)
		}
	}
}
