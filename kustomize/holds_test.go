package kustomize

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/google/go-cmp/cmp"
)

func TestFilesThatHoldObjectsAreReadWhateverTheirEnding(t *testing.T) {
	b := build(t, testfleet.Files{
		"apps/app/A.YAML":         testfleet.ConfigMap("a"),
		"apps/app/b.json":         `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}`,
		"apps/app/c.Yml":          testfleet.ConfigMap("c"),
		"apps/app/sub/D.JSON":     "\n{\n  \"kind\": \"ConfigMap\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"d\"}}",
		"apps/app/dashboard.json": `{"title":"x","panels":[{"kind":"graph","apiVersion":"x"}]}`,
		"apps/app/list.json":      `[1, 2]`,
		"apps/app/data.json":      "not JSON at all",
		"apps/app/values.yaml":    "# for a chart\nimage: x\nservice:\n  kind: ClusterIP\n",
		"apps/app/sequence.yaml":  "- a\n- b\n",
		"apps/app/empty.yaml":     "# nothing\n",
		"apps/app/Db.YAML":        testfleet.Stub("db"),
		"apps/app/README":         "apiVersion: v1\nkind: ConfigMap\n",
		"apps/app/indented.yaml":  "  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: indented}\n",
		"apps/app/quoted.yaml":    "\"apiVersion\": v1\n'kind': ConfigMap\nmetadata: {name: quoted}\n",
		"apps/app/flow.yaml":      "{apiVersion: v1, kind: ConfigMap, metadata: {name: flow}}\n",
		"apps/app/escaped.yaml":   "metadata: {name: escaped}\n\"api\\x56ersion\": v1\n\"k\\x69nd\": ConfigMap\n",
		"apps/app/second.yaml":    "# one\n---\n# two\n---\n" + testfleet.ConfigMap("second"),
		"apps/app/late.yaml":      "metadata: {name: late}\ndata:\n  x: y\nkind: ConfigMap\napiVersion: v1\n",
		"apps/app/marked.yaml":    "--- {apiVersion: v1, kind: ConfigMap, metadata: {name: marked}}\n",
	}, placement())
	want := []string{}
	for _, name := range []string{"a", "b", "c", "d", "escaped", "flow", "indented", "late", "marked", "quoted",
		"second"} {
		want = append(want, "app_"+name+"__ConfigMap")
	}
	want = append(want, "app_db__Secret from apps/app/Db.YAML")
	slices.Sort(want)
	if diff := cmp.Diff(want, ids(b)); diff != "" {
		t.Error(diff)
	}
	left := []string{"dashboard.json", "data.json", "list.json", "sequence.yaml", "values.yaml"}
	for i := range left {
		left[i] = "apps/app/" + left[i]
	}
	if diff := cmp.Diff(left, b.LeftOut); diff != "" {
		t.Error(diff)
	}
	if b := build(t, testfleet.Files{"apps/app/values.yaml": "a: b\n"}, placement()); len(b.Objects) != 0 ||
		len(b.LeftOut) != 1 {
		t.Errorf("built %v, left out %v", ids(b), b.LeftOut)
	}
}

// What may be an object and cannot be used is an error: left out in silence, it
// would be deleted where it stands.
func TestWhatMayBeAnObjectIsNotLeftOut(t *testing.T) {
	const merge = "x: &x {apiVersion: v1, kind: ConfigMap}\n<<: *x\nmetadata: {name: a}\n"
	for name, test := range map[string]struct{ file, text, words string }{
		"a pointer of LFS": {"a.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
			"apps/app/a.yaml: is a pointer of Git LFS"},
		"half of an object":       {"a.yaml", "apiVersion: v1\nmetadata: {name: a}\n", "apps/app"},
		"the other half":          {"a.yaml", "kind: ConfigMap\nmetadata: {name: a}\n", "apps/app"},
		"a damaged JSON manifest": {"a.json", `{"apiVersion": "v1", "kind": "ConfigMap", `, "apps/app"},
		"a large JSON file": {"a.json",
			`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "` +
				strings.Repeat("x", 5<<20) + `"}}`, "apps/app/a.json: file is too large to say"},
		"a large YAML file": {"a.YML", testfleet.ConfigMap("a") + "# " + strings.Repeat("x", 5<<20),
			"apps/app/a.YML: file is too large to say"},
		"an object and a value": {"a.yaml", testfleet.ConfigMap("a") + "---\nfoo: bar\n", "apps/app"},
		"a chart": {"Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n",
			"apps/app/Chart.yaml: this folder is a Helm chart"},
		"a chart below": {"c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n",
			"apps/app/c/Chart.yaml: this folder is a Helm chart"},
	} {
		t.Run(name, func(t *testing.T) {
			buildError(t, testfleet.Files{"apps/app/" + test.file: test.text}, placement(), test.words)
		})
	}
	if b := build(t, testfleet.Files{"apps/app/a.json": testfleet.ConfigMap("a")}, placement()); len(b.Objects) != 1 {
		t.Errorf("YAML in a file that is called JSON is left out: %v", b.LeftOut)
	}
	if b, err := NewBuilder(BuilderOptions{}).Build(t.Context(),
		testfleet.Open(t, testfleet.Files{"apps/app/a.yaml": merge}), placement()); err == nil && len(b.Objects) == 0 {
		t.Errorf("an object with a merge key is left out: %v", b.LeftOut)
	}
}
