package kustomize

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// canaryServer counts every request: there must be none.
func canaryServer(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		fmt.Fprint(w, testfleet.ConfigMap("remote"))
	}))
	t.Cleanup(server.Close)
	return server, &hits
}

func TestNoLoaderFieldLeavesTheRepository(t *testing.T) {
	server, hits := canaryServer(t)
	// URL stands for a remote file in each field, as kustomize would load it.
	fields := map[string]string{
		"resources":             "resources: [URL]\n",
		"bases":                 "bases: [URL]\n",
		"components":            "components: [URL]\n",
		"crds":                  "crds: [URL]\n",
		"openapi.path":          "openapi: {path: URL}\n",
		"configurations":        "configurations: [URL]\n",
		"generators":            "generators: [URL]\n",
		"transformers":          "transformers: [URL]\n",
		"validators":            "validators: [URL]\n",
		"replacements":          "replacements: [{path: URL}]\n",
		"patches":               "patches: [{path: URL}]\n",
		"patchesStrategicMerge": "patchesStrategicMerge: [URL]\n",
		"patchesJson6902":       "patchesJson6902: [{target: {version: v1, kind: ConfigMap, name: a}, path: URL}]\n",
		"configMapGenerator":    "configMapGenerator: [{name: g, files: ['k=URL']}]\n",
		"configMapGenerator[":   "configMapGenerator: [{name: g, envs: [URL]}]\n",
		"configMapGenerator[0]": "configMapGenerator: [{name: g, env: URL}]\n",
		"secretGenerator":       "secretGenerator: [{name: g, files: [URL]}]\n",
		"secretGenerator[":      "secretGenerator: [{name: g, envs: [URL]}]\n",
		"helmCharts":            "helmCharts: [{name: c, repo: URL}]\n",
		"helmChartInflation":    "helmChartInflationGenerator: [{chartName: c, chartRepoUrl: URL}]\n",
	}
	escape := "../../../../../../etc/hostname"
	for field, text := range fields {
		for _, value := range []string{server.URL + "/x.yaml", strings.ToUpper(server.URL[:4]) + server.URL[4:] + "/x.yaml",
			escape, "/etc/hostname", "file:///etc/hostname"} {
			t.Run(field+" "+strings.ReplaceAll(value, server.URL, "URL"), func(t *testing.T) {
				f := testfleet.Files{
					"apps/app/kustomization.yaml":      "resources: [deep]\n",
					"apps/app/deep/kustomization.yaml": text,
					"apps/app/deep/a.yaml":             testfleet.ConfigMap("a"),
				}
				if !strings.Contains(text, "resources") {
					f["apps/app/deep/kustomization.yaml"] += "resources: [a.yaml]\n"
				}
				f["apps/app/deep/kustomization.yaml"] = strings.ReplaceAll(
					f["apps/app/deep/kustomization.yaml"],
					"URL",
					value,
				)
				err := buildError(t, f, placement(), field)
				if err.File != "apps/app/deep/kustomization.yaml" {
					t.Errorf("error names file %q: %v", err.File, err)
				}
			})
		}
	}
	// Forms that kustomize hands to git, and loaders inside of other files.
	for name, f := range map[string]testfleet.Files{
		"git::":          {"apps/app/kustomization.yaml": "resources: ['git::" + server.URL + "/o/r.git//sub?ref=main']\n"},
		"ssh":            {"apps/app/kustomization.yaml": "resources: ['ssh://git@127.0.0.1:1/x.git//y']\n"},
		"scp":            {"apps/app/kustomization.yaml": "resources: ['git@127.0.0.1:x.git//y']\n"},
		"user and slash": {"apps/app/kustomization.yaml": "resources: ['git@127.0.0.1/x.git//y']\n"},
		"github.com":     {"apps/app/kustomization.yaml": "resources: [github.com/org/repo]\n"},
		"a host":         {"apps/app/kustomization.yaml": "resources: [git.example.com/org/repo]\n"},
		"git file":       {"apps/app/kustomization.yaml": "resources: ['file:///etc//x?ref=main']\n"},
		"in a transformer": {"apps/app/kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]\n",
			"apps/app/a.yaml": testfleet.ConfigMap("a"),
			"apps/app/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: " + server.URL +
				"/p.yaml\ntarget: {kind: ConfigMap}\n"},
		"in a generator": {"apps/app/kustomization.yaml": "generators: [g.yaml]\n",
			"apps/app/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nname: g\nfiles: ['k=" +
				server.URL + "/f']\n"},
		"in a helm generator": {"apps/app/kustomization.yaml": "generators: [g.yaml]\n",
			"apps/app/g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: c\nrepo: " +
				server.URL + "\n"},
		"an absolute path in a generator": {"apps/app/kustomization.yaml": "generators: [g.yaml]\n",
			"apps/app/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nname: g\n" +
				"files: ['k=/etc/hostname']\n"},
	} {
		t.Run(name, func(t *testing.T) { buildError(t, f, placement()) })
	}
	if hits.Load() != 0 {
		t.Errorf("the canary was asked %d times", hits.Load())
	}
}

func TestURLsAsContentAreNotReferences(t *testing.T) {
	b := build(t, testfleet.Files{
		"apps/app/kustomization.yaml": "resources: [a.yaml, example.com/b.yaml]\npatchesStrategicMerge:\n- |\n" +
			"  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data: {url: 'https://example.com/?ref=x'}\n" +
			"- '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {other: \"https://example.com\"}}'\n" +
			"configMapGenerator:\n- name: g\n  literals: ['u=git@example.com:x']\n  options: {disableNameSuffixHash: true}\n",
		"apps/app/a.yaml":             testfleet.ConfigMap("a"),
		"apps/app/example.com/b.yaml": testfleet.ConfigMap("b"),
	}, placement())
	if diff := cmp.Diff([]string{"app_a__ConfigMap", "app_b__ConfigMap", "app_g__ConfigMap"}, ids(b)); diff != "" {
		t.Error(diff)
	}
}

func TestNoPluginRuns(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "ran")
	script := "#!/bin/sh\ntouch " + marker + "\n"
	for name, generator := range map[string]string{
		"exec": "apiVersion: v1\nkind: Gen\nmetadata:\n  name: g\n  annotations:\n" +
			"    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
		"container": "apiVersion: v1\nkind: Gen\nmetadata:\n  name: g\n  annotations:\n" +
			"    config.kubernetes.io/function: |\n      container: {image: example.com/x, network: true}\n",
		"go plugin": "apiVersion: someteam.example.com/v1\nkind: Gen\nmetadata: {name: g}\n",
	} {
		for _, field := range []string{"generators", "transformers", "validators"} {
			t.Run(name+" in "+field, func(t *testing.T) {
				buildError(t, testfleet.Files{
					"apps/app/kustomization.yaml": field + ": [g.yaml]\nresources: [a.yaml]\n",
					"apps/app/a.yaml":             testfleet.ConfigMap("a"),
					"apps/app/g.yaml":             generator,
					"apps/app/run.sh":             script,
				}, placement())
			})
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a plugin ran")
	}
}

func TestLinksAreNeverFollowed(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "kustomization.yaml"), []byte("resources: [cm.yaml]\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(outside, "cm.yaml"), []byte(testfleet.ConfigMap("canary")), 0o600))
	for name, test := range map[string]struct{ kustomization, target string }{
		"a file":                   {"resources: [link]\n", filepath.Join(outside, "cm.yaml")},
		"a file of a generator":    {"configMapGenerator: [{name: g, files: [link]}]\n", filepath.Join(outside, "cm.yaml")},
		"a base":                   {"resources: [link]\n", outside},
		"a path through a link":    {"resources: [link/cm.yaml]\n", outside},
		"a link that stays inside": {"resources: [link]\n", "a.yaml"},
		"no kustomization":         {"", filepath.Join(outside, "cm.yaml")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			app := filepath.Join(dir, "apps", "app")
			must(t, os.MkdirAll(app, 0o755))
			must(t, os.WriteFile(filepath.Join(app, "a.yaml"), []byte(testfleet.ConfigMap("a")), 0o600))
			if test.kustomization != "" {
				must(t, os.WriteFile(filepath.Join(app, "kustomization.yaml"), []byte(test.kustomization), 0o600))
			}
			must(t, os.Symlink(test.target, filepath.Join(app, "link")))
			tr, err := tree.OpenDir(dir)
			must(t, err)
			b, err := NewBuilder(BuilderOptions{}).Build(t.Context(), tr, placement())
			if err == nil {
				t.Fatalf("built %v", ids(b))
			}
			if !strings.Contains(err.Error(), "apps/app/link") || strings.Contains(err.Error(), outside) {
				t.Errorf("error does not name the link by its place: %v", err)
			}
		})
	}
}

// bomb is 9^8 strings in a few hundred bytes.
func bomb() string {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\na0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		alias := fmt.Sprintf("*a%d,", i-1)
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(alias, 9), ","))
	}
	return text
}

func TestABombFailsAloneAndOthersGoOn(t *testing.T) {
	tr := testfleet.Open(t, testfleet.Files{
		"apps/bomb/b.yaml":              bomb(),
		"apps/app/a.yaml":               testfleet.ConfigMap("a"),
		"apps/kbomb/kustomization.yaml": bomb(),
	})
	b := NewBuilder(BuilderOptions{MemoryLimit: 192 << 20})
	bombed := make(chan error, 2)
	for _, path := range []string{"apps/bomb", "apps/kbomb"} {
		go func() {
			_, err := b.Build(
				t.Context(),
				tr,
				placement(func(p *api.Placement) { p.Metadata.Name, p.Spec.Path = filepath.Base(path), path }),
			)
			bombed <- err
		}()
	}
	if _, err := b.Build(t.Context(), tr, placement()); err != nil {
		t.Errorf("the healthy placement: %v", err)
	}
	for range 2 {
		err := <-bombed
		if refused := (*BuildError)(nil); !errors.As(err, &refused) {
			t.Errorf("the bomb: %T %v, want a BuildError", err, err)
		}
	}
	_, err := b.Build(
		t.Context(),
		tr,
		placement(func(p *api.Placement) { p.Metadata.Name, p.Spec.Path = "bomb", "apps/bomb" }),
	)
	if err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("the bomb: %v, want a word about memory", err)
	}
}

func TestABuildHasADeadline(t *testing.T) {
	f := testfleet.Diamond("apps/app", 14)
	b := NewBuilder(BuilderOptions{Timeout: time.Second})
	_, err := b.Build(t.Context(), testfleet.Open(t, f), placement(func(p *api.Placement) { p.Spec.Path = "apps/app" }))
	if err == nil || !strings.Contains(err.Error(), "longer than 1s") {
		t.Errorf("build: %v", err)
	}
}

func TestInputThatIsTooMuchOrNotText(t *testing.T) {
	for name, test := range map[string]struct {
		files testfleet.Files
		words string
	}{
		"a stub of 50 MB": {testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db") +
			strings.Repeat("# padding\n", 5<<20)}, "apps/app/db.yaml: file is too large"},
		"a bomb that calls itself a stub": {testfleet.Files{"apps/app/db.yaml": strings.Replace(bomb(), "ConfigMap",
			"SealedManifest", 1)}, ""},
		"a bomb in the shape of a stub": {testfleet.Files{"apps/app/db.yaml": strings.Replace(strings.Replace(bomb(),
			"ConfigMap", "SealedManifest", 1), "apiVersion: v1", "apiVersion: bulla.dev/v1alpha1", 1)}, "apps/app/db.yaml"},
		"bytes that are no text": {testfleet.Files{"apps/app/a.yaml": "apiVersion: v1\nkind: ConfigMap\n" +
			"metadata: {name: \xff\xfe}\n"}, "apps/app"},
		"a stub with bytes that are no text": {testfleet.Files{"apps/app/a.yaml": testfleet.Stub("a\xff")},
			"apps/app/a.yaml"},
		"YAML that does not parse": {testfleet.Files{"apps/app/a.yaml": "a: [\n"}, "apps/app"},
		"a document that is no object": {testfleet.Files{"apps/app/kustomization.yaml": "resources: [a.yaml]\n",
			"apps/app/a.yaml": "- a\n- b\n"}, "apps/app/a.yaml:1: is no Kubernetes object"},
		"a cycle of bases": {testfleet.Files{"apps/app/kustomization.yaml": "resources: [../b]\n",
			"apps/b/kustomization.yaml": "resources: [../app]\n"}, "cycle"},
		"a missing resource": {testfleet.Files{"apps/app/kustomization.yaml": "resources: [gone.yaml]\n"},
			"gone.yaml"},
		"an unknown field": {testfleet.Files{"apps/app/kustomization.yaml": "resource: [a.yaml]\n"},
			"resource"},
		"two kustomizations": {testfleet.Files{"apps/app/kustomization.yaml": "resources: [a.yaml]\n",
			"apps/app/kustomization.yml": "resources: [a.yaml]\n", "apps/app/a.yaml": testfleet.ConfigMap("a")}, "multiple"},
		"an empty kustomization": {testfleet.Files{"apps/app/kustomization.yaml": ""}, "empty"},
		"a missing folder": {testfleet.Files{"apps/other/a.yaml": testfleet.ConfigMap("a")},
			"apps/app: folder does not exist"},
		"a file for a folder": {testfleet.Files{"apps/app": testfleet.ConfigMap("a")},
			"apps/app: is a file, and a placement builds a folder; hint: "},
	} {
		t.Run(name, func(t *testing.T) {
			err := buildError(t, test.files, placement(), test.words)
			if strings.Contains(err.Error(), "/repository") {
				t.Errorf("error names the child's root: %v", err)
			}
		})
	}
}

// polluted is an application with a schema of its own, after which another one's patch does
// something else, and that other one. Each has a field of its kustomization put in.
func polluted(openapi string) testfleet.Files {
	const schema = `{"swagger":"2.0","info":{"title":"x","version":"v1"},"paths":{},` +
		`"definitions":{"v1.Deployment":{"type":"object","properties":{"spec":{"type":"object",` +
		`"properties":{"template":{"type":"object","properties":{"spec":{"type":"object",` +
		`"properties":{"containers":{"type":"array","items":{"type":"object"},` +
		`"x-kubernetes-patch-strategy":"replace"}}}}}}}},"x-kubernetes-group-version-kind":[{"group":"apps",` +
		`"kind":"Deployment","version":"v1"}]}}}`
	const patch = "patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: api}\n" +
		"    spec: {template: {spec: {containers: [{name: side, image: side:1}]}}}\n"
	return testfleet.Files{
		"apps/polluter/kustomization.yaml": "resources: [api.yaml]\n" + openapi + ": {path: schema.json}\n" + patch,
		"apps/polluter/schema.json":        schema,
		"apps/polluter/api.yaml":           deployment,
		"apps/app/kustomization.yaml":      "resources: [api.yaml]\n" + patch,
		"apps/app/api.yaml":                deployment,
		"apps/after/kustomization.yaml":    "resources: [api.yaml]\n" + patch,
		"apps/after/api.yaml":              deployment,
	}
}

// at is the placement of a folder, which has its name.
func at(folder string) *api.Placement {
	return placement(func(p *api.Placement) {
		p.Metadata.Name, p.Spec.Path = strings.ReplaceAll(folder, "/", "-"), folder
	})
}

func containersBuilt(t *testing.T, b *Builder, tr *tree.Tree, folder string) int {
	t.Helper()
	built, err := b.Build(t.Context(), tr, at(folder))
	must(t, err)
	spec := built.Objects[0].Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	return len(spec["containers"].([]any))
}

func TestOneBuildsSchemaDoesNotReachAnother(t *testing.T) {
	tr := testfleet.Open(t, polluted("openapi"))
	b := NewBuilder(BuilderOptions{Concurrency: 1})
	polluted, victim := containersBuilt(t, b, tr, "apps/polluter"), containersBuilt(t, b, tr, "apps/app")
	if polluted != 1 || victim != 2 {
		t.Errorf("with its own schema %d containers, want 1; the next build %d, want 2", polluted, victim)
	}
}

func TestTheBuildProcessIsConfined(t *testing.T) {
	t.Setenv("BULLA_CANARY", "environment")
	b := NewBuilder(BuilderOptions{})
	if _, err := b.Build(t.Context(), testfleet.Open(t, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a")}),
		placement()); err != nil {
		t.Fatal(err)
	}
	c := b.confined.Load()
	if missing, err := NewBuilder(BuilderOptions{}).Unconfined(t.Context()); err != nil ||
		!slices.Equal(missing, c.Missing()) {
		t.Errorf("asked before a build, %q is missing (%v); the build lacked %q", missing, err, c.Missing())
	}
	if c == nil || !c.Seccomp || !c.Memory {
		t.Errorf("confinement is %+v, want seccomp and a bound on memory", c)
	}
	if os.Getuid() == 0 && (!c.Network || !c.Processes) {
		t.Errorf("confinement is %+v: root may make namespaces of network and processes", c)
	}
}
