package built

import (
	"fmt"
	"strings"
	"testing"
)

// TestABuildsOutputIsBoundedBeforeItIsDecoded: decoded, it takes many times the
// memory, and it is walked by recursion.
func TestABuildsOutputIsBoundedBeforeItIsDecoded(t *testing.T) {
	object := func(inner string) string {
		return `{"apiVersion":"example.com/v1","kind":"K","metadata":{"name":"x","annotations":{"a":"}]{[\"}"}},"spec":` +
			inner + `}`
	}
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"as deep as may be": {object(nested(maxDepth - 1)), ""},
		"deeper":            {object(nested(maxDepth)), "nested deeper than 64"},
		"very deep":         {object(nested(1_000_000)), "nested deeper than 64"},
		"many values":       {object("[" + strings.Repeat("0,", maxNodes) + "0]"), "more than 1048576 values"},
		"many empty lists":  {object("[" + strings.Repeat("[],", maxNodes) + "0]"), "more than 1048576 values"},
	} {
		var in Entry
		_, err := in.Object([]byte(test.text))
		if text := fmt.Sprint(err); (err != nil) != (test.want != "") || !strings.Contains(text, test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	var in Entry // counts over all objects of one build
	half := []byte(object("[" + strings.Repeat("0,", maxNodes*2/3) + "0]"))
	if _, err := in.Object(half); err != nil {
		t.Error(err)
	}
	if _, err := in.Object(half); err == nil {
		t.Error("each object has the bound of a whole build")
	}
}
