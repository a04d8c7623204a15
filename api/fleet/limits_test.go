package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func vectorFile(t testing.TB, name string) []byte {
	t.Helper()
	data, ok := readParseVectors(t)[name]
	if !ok {
		t.Fatalf("no vector %s", name)
	}
	return data
}

func TestFilesThatAreRefusedWhole(t *testing.T) {
	cluster := string(vectorFile(t, "cluster/ok-full.yaml"))
	padded := func(size int) string { return cluster + "# " + strings.Repeat("x", size-len(cluster)-3) + "\n" }
	tests := map[string]struct{ data, want string }{
		"nothing":           {"", "f:1: is empty"},
		"comments alone":    {"# nothing here\n", "f:1: is empty"},
		"an empty document": {"---\n", "f:1: is not a mapping"},
		"a scalar":          {"x\n", "f:1: is not a mapping"},
		"one byte too many": {padded(MaxFileSize + 1), "f:1: is 1048577 bytes long, the limit is 1048576"},
		"UTF-16":            {"\xff\xfea\x00", "f:1: is not UTF-8; hint: save it as UTF-8"},
		"a NUL":             {cluster + "#\x00\n", "f:11: has the control character U+0000; hint: take it out"},
		"an end and more":   {cluster + "...\nx: y\n", "f:11: is not YAML: did not find expected <document start>"},
		"a tab": {"a:\n\tb: c\n",
			"f:2: is not YAML: found character that cannot start any token; " +
				"hint: indent with spaces, not with tabs"},
		"an unfinished string": {"a: \"b\n", "f:2: is not YAML: found unexpected end of stream"},
	}
	for name, test := range tests {
		if _, err := ParseCluster("f", []byte(test.data)); err == nil || err.Error() != test.want {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
	if _, err := ParseCluster("f", []byte(padded(MaxFileSize))); err != nil {
		t.Errorf("a file of the greatest size: %v", err)
	}
	if _, err := ParseCluster("f", []byte("---\n"+cluster)); err != nil {
		t.Errorf("a file with a start marker: %v", err)
	}
}

// TestAFileIsBoundedInDepthAndValues: what is refused whole is named in one line.
func TestAFileIsBoundedInDepthAndValues(t *testing.T) {
	stub := func(template string) string {
		return "apiVersion: bulla.dev/v1alpha1\nkind: SealedManifest\nmetadata: {name: x}\nspec:\n  template: " +
			"" + template + "\n"
	}
	nested := func(depth int) string { return stub(strings.Repeat("[", depth) + strings.Repeat("]", depth)) }
	for name, test := range map[string]struct{ data, want string }{
		"deep":          {nested(maxDepth), "f:5: is nested deeper than 64 levels"},
		"very deep":     {nested(5_000), "f:5: is nested deeper than 64 levels"},
		"in a block":    {stub("\n    " + strings.Repeat("- ", maxDepth) + "x"), "f:6: is nested deeper than 64 levels"},
		"many values":   {stub("[" + strings.Repeat("x,", maxValues) + "]"), "f:1: has more than 65536 values"},
		"many mappings": {stub("[" + strings.Repeat("{},", maxValues) + "]"), "f:1: has more than 65536 values"},
	} {
		if _, err := ParseSealedManifest("f", []byte(test.data)); err == nil || err.Error() != test.want {
			t.Errorf("%s: error %.200v, want %s", name, err, test.want)
		}
	}
	if _, err := ParseSealedManifest(
		"f",
		[]byte(nested(maxDepth-4)),
	); err == nil ||
		strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("not too deep: %v", err)
	}
	_, err := ParseSealedManifest(
		"f",
		[]byte(stub("{"+strings.Repeat("k", 100_000)+": null, "+strings.Repeat("l", 100_000)+": *x}")),
	)
	if err == nil || len(err.Error()) > 5_000 {
		t.Errorf("an error of %d bytes", len(fmt.Sprint(err)))
	}
}

// Bombs: what takes kustomize past its memory must be an error at once here.
func TestBombsAreErrors(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 9), ","))
	}
	head := "apiVersion: bulla.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: x\nspec:\n"
	for name, data := range map[string]string{
		"aliases":            head + bomb,
		"nested lists":       head + "  x: " + strings.Repeat("[", 100_000),
		"nested mappings":    head + "  x: " + strings.Repeat("{a: ", 100_000),
		"many fields":        head + manyFields(),
		"an alias of itself": head + "  labels: &x {y: *x}\n",
	} {
		_, err := ParseCluster("f", []byte(data))
		if problem := new(ParseError); !errors.As(err, &problem) {
			t.Errorf("%s: error %v", name, err)
		}
		if lines := strings.Count(err.Error(), "\n"); lines >= maxProblems {
			t.Errorf("%s: an error of %d lines", name, lines)
		}
		KindOf([]byte(data))
	}
}

func manyFields() string {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "  x%d: 1\n", i)
	}
	return text.String()
}

func TestAStubHasABoundedNumberOfBlocks(t *testing.T) {
	block := func(i int) string {
		return fmt.Sprintf(
			"  - fields: [/data/k%04d]\n    payload: |\n      %s      YWdl%s    locks: [{target: set/x, key: k, ciphertext: "+
				"YWJj}]\n",
			i,
			armorHeader,
			strings.ReplaceAll(armorFooter, "\n-", "\n      -"),
		)
	}
	stub := "apiVersion: bulla.dev/v1alpha1\nkind: SealedManifest\nmetadata: {name: x}\nspec:\n  template: " +
		"{apiVersion: v1, kind: Secret}\n  blocks:\n"
	for i := range maxBlocks {
		stub += block(i)
	}
	if _, err := ParseSealedManifest("f", []byte(stub)); err != nil {
		t.Errorf("%d blocks: %v", maxBlocks, err)
	}
	_, err := ParseSealedManifest("f", []byte(stub+block(maxBlocks)))
	if want := "f:6: spec.blocks: has 257 blocks, the limit is 256; seal values together"; err == nil ||
		err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestTheTemplateComesBackAsCanonicalJSON(t *testing.T) {
	stub, err := ParseSealedManifest("f", vectorFile(t, "stub/ok-full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"v1","data":{"host":"ZGI="},"kind":"Secret","metadata":{"labels":{"app.kubernetes.io/name":"payments"}},"type":"Opaque"}`
	if got := string(stub.Spec.Template); got != want {
		t.Errorf("template %s\nwant     %s", got, want)
	}
}

func TestPlainDatesStayNames(t *testing.T) {
	fleet, err := ParseFleet("f", vectorFile(t, "fleet/ok-full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fleet.Spec.SealingKeys[1].ID; got != "2025-11-01" {
		t.Errorf("key id %q", got)
	}
}

func TestKindOf(t *testing.T) {
	tests := map[string]struct {
		data, apiVersion, kind string
		ok                     bool
	}{
		"a stub": {
			string(vectorFile(t, "stub/ok-full.yaml")),
			"bulla.dev/v1alpha1",
			"SealedManifest",
			true,
		},
		"a stub with a bad field": {
			string(vectorFile(t, "stub/bad-suite-in-lock.yaml")),
			"bulla.dev/v1alpha1",
			"SealedManifest",
			true,
		},
		"JSON": {
			`{"kind":"Fleet","apiVersion":"bulla.dev/v1alpha1"}`,
			"bulla.dev/v1alpha1",
			"Fleet",
			true,
		},
		"another version": {"apiVersion: bulla.dev/v2\nkind: X\n", "bulla.dev/v2", "X", true},
		"a group spelled in escapes": {
			"apiVersion: \"\\x62ulla.dev/v1alpha1\"\nkind: Fleet\n",
			"bulla.dev/v1alpha1",
			"Fleet",
			true,
		},
		"a group behind an alias": {
			"x: &x bulla.dev/v1alpha1\napiVersion: *x\nkind: Fleet\n",
			"bulla.dev/v1alpha1",
			"Fleet",
			true,
		},
		"the second document": {
			"kind: ConfigMap\napiVersion: v1\n---\napiVersion: bulla.dev/v1alpha1\nkind: Fleet\n",
			"bulla.dev/v1alpha1",
			"Fleet",
			true,
		},
		"no kind":       {"apiVersion: bulla.dev/v1alpha1\n", "bulla.dev/v1alpha1", "", true},
		"a mention":     {"apiVersion: v1\nkind: ConfigMap\ndata: {x: bulla.dev/v1alpha1}\n", "", "", false},
		"another group": {"apiVersion: notbulla.dev/v1\nkind: X\n", "", "", false},
		"a list":        {"- apiVersion: bulla.dev/v1alpha1\n", "", "", false},
		"no YAML":       {"\tbulla.dev: {{ x }}", "", "", false},
		"nothing":       {"", "", "", false},
	}
	for name, test := range tests {
		apiVersion, kind, ok := KindOf([]byte(test.data))
		if apiVersion != test.apiVersion || kind != test.kind || ok != test.ok {
			t.Errorf("%s: %q, %q, %v", name, apiVersion, kind, ok)
		}
	}
}

func TestDefaultsOfAPlacement(t *testing.T) {
	minimal, err := ParsePlacement("f", vectorFile(t, "placement/ok-minimal.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	full, err := ParsePlacement(
		"f",
		[]byte(strings.NewReplacer("prune: true", "prune: false", "wait: true", "wait: false", "5m", "7m", "10m", "1h").
			Replace(string(vectorFile(t, "placement/ok-full.yaml")))),
	)
	if err != nil {
		t.Fatal(err)
	}
	show := func(s PlacementSpec) string {
		return fmt.Sprint(s.AllNamespaces(), s.PruneEnabled(), s.WaitEnabled(), s.TimeoutOrDefault(), s.IntervalOrDefault())
	}
	if got, want := show(minimal.Spec), "[a b] true true 5m0s 10m0s"; got != want {
		t.Errorf("minimal: %s, want %s", got, want)
	}
	if got, want := show(full.Spec), "[payments] false false 7m0s 1h0m0s"; got != want {
		t.Errorf("full: %s, want %s", got, want)
	}
}

func TestFleetAccessors(t *testing.T) {
	fleet, err := ParseFleet("f", vectorFile(t, "fleet/ok-full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	spec := fleet.Spec
	if key, ok := spec.ActiveKey(); !ok || key.ID != "2026-11-a" {
		t.Errorf("active key %+v, %v", key, ok)
	}
	if key, ok := spec.Key("2025-11-01"); !ok || key.Status != KeySuperseded {
		t.Errorf("key %+v, %v", key, ok)
	}
	if _, ok := spec.Key("2024"); ok {
		t.Error("found a key that is not there")
	}
	if spec.MaxShare() != 30 || (FleetSpec{}).MaxShare() != 50 {
		t.Errorf("shares %d and %d", spec.MaxShare(), FleetSpec{}.MaxShare())
	}
	want := `bulla.dev/fleet/v1
id "6f1c0000000000000000000000000001"
serial 1
key "2026-11-a" "MLKEM768-P256" "Active" "age1tagpq1` + strings.Repeat("q", 40) + `"
key "2025-11-01" "P256" "Superseded" "age1tag1` + strings.Repeat("q", 40) + `"
recovery "age1pq1` + strings.Repeat("q", 40) + `"
log "bulla.dev/log/6f1c0000000000000000000000000001+0f1e2d3c+AjBZMBMG"
`
	if diff := cmp.Diff(want, string(spec.SignedText())); diff != "" {
		t.Error(diff)
	}
}

func TestStubDigest(t *testing.T) {
	// FIPS 180-4's own example.
	if got := StubDigest([]byte("abc")); got != "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error(got)
	}
	for _, other := range []string{"abc\n", " abc", "abc ", "\ufeffabc", "abc\r\n", "ABC"} {
		if StubDigest([]byte(other)) == StubDigest([]byte("abc")) {
			t.Errorf("%q has the digest of another file", other)
		}
	}
}

// FuzzParse: no panic, no error but ParseErrors, and what parses says the same
// when it is written as JSON and parsed again.
func FuzzParse(f *testing.F) {
	vectors := readParseVectors(f)
	if len(vectors) == 0 {
		f.Fatal("no seeds")
	}
	for _, data := range vectors {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		KindOf(data)
		for kind, parser := range parsers {
			object, err := parser("f", data)
			if err != nil {
				if problem := new(ParseError); !errors.As(err, &problem) || problem.Line < 1 {
					t.Fatalf("%s: error %v is no ParseError", kind, err)
				}
				continue
			}
			text, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			again, err := parser("f", text)
			if err != nil {
				t.Fatalf("%s: parses, but not as JSON: %v\n%s", kind, err, text)
			}
			if !jsonEqual(t, object, again) {
				t.Fatalf("%s: says something else as JSON", kind)
			}
		}
	})
}

func jsonEqual(t *testing.T, a, b any) bool {
	t.Helper()
	one, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	two, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(one, two)
}
