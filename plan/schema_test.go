package plan_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/plan/render"
)

// TestAPlanIsAsItsSchemaSays: programs that read plans are written after it.
func TestAPlanIsAsItsSchemaSays(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../docs/reference/plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	for name, change := range map[string]testfleet.Files{
		"nothing": nil,
		"an end": {"placements/shop.yaml": strings.Replace(w.files["placements/shop.yaml"], "clusterSet: stores",
			"clusterSet: stores, notAfter: \"2126-01-01T00:00:00Z\"", 1)},
		"a cluster":    {"clusters/three.yaml": testfleet.Cluster("three", ""), "clusters/lab.yaml": ""},
		"no placement": {"placements/shop.yaml": "", "fleet.yaml": w.root.Fleet(t, 2)},
		"a rename": {"placements/shop.yaml": "",
			"placements/store.yaml": testfleet.Placement("store", "apps/shop", "shop", "{clusterSet: stores}")},
		"no lock": {"apps/shop/db.yaml": w.seal("db", "set/others"), "clusters/two.yaml": "nothing"},
		"a broken build": {"apps/shop/kustomization.yaml": "resources: [nowhere.yaml]\n",
			"placements/shop.yaml": strings.Replace(w.files["placements/shop.yaml"], "targets", "wait: false\n  targets", 1)},
	} {
		p := w.between(change)
		p.Notes = append(p.Notes, "a note")
		validate(t, schema, name, p)
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, name string, p *plan.Plan) {
	t.Helper()
	var out bytes.Buffer
	if err := render.JSON(&out, p); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
