package kustomize

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/internal/asked"
	"github.com/bulla-dev/bulla/kustomize/internal/kept"
	"github.com/bulla-dev/bulla/kustomize/reach"
)

// asksWithin builds a placement, and holds every question that the build asked against what it
// was said to reach.
func asksWithin(t *testing.T, files testfleet.Files, p *api.Placement) (known bool) {
	t.Helper()
	opened := testfleet.Open(t, files)
	paths, known := reach.In(opened).Of(p)
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried})
	_, _ = b.Build(t.Context(), opened, p)
	key, err := kept.KeyOf(p)
	if err != nil {
		t.Fatal(err)
	}
	result, ok := b.cache.Get(key, opened)
	if !ok || len(result.Answers) == 0 {
		t.Fatal("nothing is kept of the build")
	}
	for q := range result.Answers {
		if known && !reaches(paths, q) {
			t.Errorf("the build asked %c %q, beyond %q", q.Kind, q.Path, paths)
		}
	}
	return known
}

// reaches: a folder above one that is reached is one, whatever else is in it; and no tree
// has the folder of what a placement lays over its own.
func reaches(paths []string, q asked.Question) bool {
	if reach.Within(q.Path, ".git") {
		return true
	}
	for _, p := range paths {
		if reach.Within(q.Path, p) || q.Kind == asked.Stat && reach.Within(p, q.Path) {
			return true
		}
	}
	return false
}

const aComponent = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [d.yaml]\n"

func TestABuildAsksForNothingBeyondItsReach(t *testing.T) {
	shared := testfleet.Files{
		"apps/app/a.yaml":              testfleet.ConfigMap("a"),
		"base/kustomization.yaml":      "resources: [c.yaml]\n",
		"base/c.yaml":                  testfleet.ConfigMap("c"),
		"base/patch.yaml":              testfleet.ConfigMap("c") + "  more: x\n",
		"base/file.txt":                "KEY=value\n",
		"parts/one/kustomization.yaml": aComponent,
		"parts/one/d.yaml":             testfleet.ConfigMap("d"),
	}
	const plugin = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: ../../base/patch.yaml\n"
	for _, test := range []struct {
		name, kustomization string
		more                testfleet.Files
		known               bool
	}{
		{name: "none", known: true},
		{"its own files", "resources: [a.yaml]\n", nil, true},
		{"a base outside", "resources: [a.yaml, ../../base]\n", nil, true},
		{"a base of a base", "resources: [../other]\n",
			testfleet.Files{"apps/other/kustomization.yaml": "resources: [../../base]\n"}, true},
		{"a base in a folder below", "resources: [sub]\n",
			testfleet.Files{"apps/app/sub/kustomization.yaml": "resources: [../../../base]\n"}, true},
		{"a component outside", "resources: [a.yaml]\ncomponents: [../../parts/one]\n", nil, true},
		{"a patch outside", "resources: [../../base]\npatches: [{path: ../../base/patch.yaml}]\n", nil, true},
		{"generators of files outside", "configMapGenerator: [{name: g, files: [key=../../base/file.txt, " +
			"../../base/file.txt], envs: [../../base/file.txt], literals: [\"A=/x/../y\"]}]\n", nil, true},
		{"a text that is no path", "resources: [a.yaml]\ncommonAnnotations: {note: \"and so on...\"}\n", nil, true},
		{"a path by an escape", "resources: [a.yaml, \"\\x2e\\x2e/../base\"]\n", nil, false},
		{"a path that is encoded", "resources: [a.yaml, !!binary Li4vLi4vYmFzZQ==]\n", nil, false},
		{"a path by an alias", "configMapGenerator: [{name: g, literals: [&p ../../base/file.txt], files: [*p]}]\n", nil,
			false},
		{"from the root", "resources: [/repo/base/c.yaml]\n", nil, false},
		{"from the root, of a generator", "configMapGenerator: [{name: g, files: [k=/repo/base/file.txt]}]\n", nil, false},
		{"a field in another case", "Transformers: [t.yaml]\nresources: [a.yaml]\n",
			testfleet.Files{"apps/app/t.yaml": plugin}, false},
		{"a transformer that reads a file", "resources: [../../base]\ntransformers: [t.yaml]\n",
			testfleet.Files{"apps/app/t.yaml": plugin}, false},
		{"two documents", "resources: [a.yaml]\n---\nresources: [../../base]\n", nil, false},
		{"out of the repository", "resources: [../../../x]\n", nil, false},
		{"what is not there", "resources: [../../nowhere]\n", nil, false},
		{"a folder whose kustomization is a folder", "resources: [../odd]\n",
			testfleet.Files{"apps/odd/kustomization.yaml/a.yaml": testfleet.ConfigMap("x")}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := shared.With(test.more)
			if test.kustomization != "" {
				files["apps/app/kustomization.yaml"] = test.kustomization
			}
			if known := asksWithin(t, files, placement()); known != test.known {
				t.Errorf("it is known: %v, want %v", known, test.known)
			}
		})
	}
	t.Run("components and variants of the placement", func(t *testing.T) {
		files := shared.With(testfleet.Files{"apps/b/a.yaml": testfleet.ConfigMap("b")})
		p := placement()
		p.Spec.Components = []string{"../../parts/one"}
		p.Spec.Variants = []api.PlacementVariant{{Name: "other", Path: "apps/b"}}
		for _, variant := range p.InVariants() {
			if paths, ok := reach.In(testfleet.Open(t, files)).Of(p); !ok || len(paths) != 3 {
				t.Errorf("%q %v", paths, ok)
			}
			asksWithin(t, files, variant)
		}
	})
}

// TestNoKustomizationReachesFurther puts kustomizations together at random, of names that
// lie inside and outside and of texts that hide them.
func TestNoKustomizationReachesFurther(t *testing.T) {
	random := rand.New(rand.NewPCG(20261129, 7))
	some := 0
	for range 40 {
		files := anyFolders(random)
		if asksWithin(t, files, placement()) {
			some++
		}
		if t.Failed() {
			t.Fatalf("%q", files)
		}
	}
	if some < 5 {
		t.Errorf("of %d alone anything was known", some)
	}
}

// folders are those that [anyFolders] fills.
var folders = []string{"apps/app", "apps/app/sub", "apps/b", "base", "base/deep"}

// anyFolders are kustomizations put together at random.
func anyFolders(random *rand.Rand) testfleet.Files {
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	files := testfleet.Files{}
	for _, folder := range folders {
		up := strings.Repeat("../", strings.Count(folder, "/")+1)
		name := func() string {
			return pick("a.yaml", "sub", "deep", "../a.yaml", up+"base", up+"apps/b", up+"base/a.yaml", "./"+up+"base/deep",
				"k="+up+"base/a.yaml", "'"+up+"base'", "\"\\x2e./b\"", "nothing.yaml", "sub/"+"../a.yaml", up+"apps/app/sub")
		}
		field := func() string {
			return pick("resources: [a.yaml, %s]", "resources: [%s, a.yaml]", "components: [%s]", "patches: [{path: %s}]",
				"configMapGenerator: [{name: g, files: [%s]}]", "configMapGenerator: [{name: g, envs: [%s]}]",
				"replacements: [{path: %s}]", "transformers: [%s]", "generators: [%s]", "crds: [%s]", "configurations: [%s]",
				"openapi: {path: %s}", "patchesStrategicMerge: [%s]")
		}
		files[folder+"/a.yaml"] = testfleet.ConfigMap(path.Base(folder) + "-a")
		if random.IntN(4) > 0 {
			files[folder+"/kustomization.yaml"] = fmt.Sprintf(field()+"\n", name())
		}
	}
	return files
}
