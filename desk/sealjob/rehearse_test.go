package sealjob

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/desk/values"
)

// TestARehearsalNoticesAnotherValue and quotes neither.
func TestARehearsalNoticesAnotherValue(t *testing.T) {
	j := &Job{Where: Where{File: "f"}, What: What{Values: values.Set{"a": []byte("horse"), "b": {}}}}
	if err := j.sameAs(map[string]string{"/data/a": "aG9yc2U=", "/data/b": ""}); err != nil {
		t.Errorf("the same values: %v", err)
	}
	for name, opened := range map[string]map[string]string{
		"another": {"/data/a": "cG9ueQ==", "/data/b": ""},
		"missing": {"/data/a": "aG9yc2U="},
		"more":    {"/data/a": "aG9yc2U=", "/data/b": "", "/data/c": ""},
	} {
		err := j.sameAs(opened)
		if err == nil || strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "aG9y") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
