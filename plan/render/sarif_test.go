package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/plan/render"
)

// TestSARIFIsAsItsSchemaSays, whatever a stranger wrote; and no link in it is theirs. The
// schema is that of OASIS.
func TestSARIFIsAsItsSchemaSays(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	link := plan.Problem{File: "apps/a b%20[x](http://evil)/é.yaml", Line: 3,
		Problem: "see [this](https://evil) {0} \\[x](y)"}
	many := &plan.Plan{}
	for i := range 6000 {
		many.Blockers = append(many.Blockers, plan.Problem{Problem: fmt.Sprint(i)})
	}
	for name, p := range map[string]*plan.Plan{
		"nothing": {}, "a stranger's": strange(), "a link": {Blockers: []plan.Problem{link}}, "many": many,
		"the rest": {
			Fleet:   []plan.FleetChange{{Field: "spec.id", Change: "x"}},
			Returns: []plan.Return{{Stub: "s.yaml", Fields: []string{"/data/p"}, Commit: "1"}},
			KeysDue: []plan.KeyDue{{Key: "k", Stubs: 1}},
			Deliveries: []plan.Delivery{{Placement: "a", Prune: &plan.Prune{Held: true}},
				{Placement: "b", Prune: &plan.Prune{}}},
		},
	} {
		var out bytes.Buffer
		if err := render.SARIF(&out, p, "1.0"); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		document, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var log struct {
			Runs []struct {
				Results []struct {
					RuleID, Level string
					Message       struct{ Text string }
					Locations     []struct {
						PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &log); err != nil {
			t.Fatal(err)
		}
		for _, r := range log.Runs[0].Results {
			plain := strings.NewReplacer(`\\`, "", `\[`, "", `\]`, "", "{{", "", "}}", "").Replace(r.Message.Text)
			if strings.ContainsAny(plain, "[]{}\n\x1b") || r.Level == "" {
				t.Errorf("%s: %s %q means something", name, r.Level, r.Message.Text)
			}
			if len(r.Locations) != 1 || r.Locations[0].PhysicalLocation.ArtifactLocation.URI == "" {
				t.Errorf("%s: %q stands nowhere", name, r.Message.Text)
			}
		}
		if n := len(log.Runs[0].Results); name == "many" && n != 5000 || name == "the rest" && n != 4 {
			t.Errorf("%s: %d results", name, n)
		}
	}
}
