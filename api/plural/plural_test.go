package plural_test

import (
	"testing"

	"github.com/bulla-dev/bulla/api/plural"
)

func TestOneIsNoPlural(t *testing.T) {
	for got, want := range map[string]string{
		plural.Of(0, "object"): "0 objects",
		plural.Of(1, "object") + " " + plural.Verb(1, "stands", "stand"):       "1 object stands",
		plural.Of(2, "object") + " " + plural.Verb(2, "stands", "stand"):       "2 objects stand",
		plural.Of(int64(1), "entry", "entries"):                                "1 entry",
		plural.Of(uint64(11), "entry", "entries"):                              "11 entries",
		plural.Noun(21, "delivery", "deliveries") + plural.Noun(1, "x", "xes"): "deliveriesx",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
