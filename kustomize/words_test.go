package kustomize

import (
	"regexp"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// foreign are the words of kustomize and Go that mean nothing to a file's author.
var foreign = regexp.MustCompile(`0x[0-9a-f]{6}|accumulat|must build at directory|not directory|[Rr]esource ` +
	`metadata|noGrp|noNs|json:|Go struct|unmarshal|resid|map\[|&[a-z]+\.|/repository|errors?:|[\x{FDD0}-\x{FDEF}]`)

func TestABuildSaysWhatIsWrongInTheWordsOfItsFiles(t *testing.T) {
	for _, cases := range []mistakes{mistakesInKustomizations(), mistakesOfReferences(), mistakesInObjects(),
		mistakesOfChanges()} {
		for _, test := range cases {
			t.Run(test.name, func(t *testing.T) {
				err := buildError(t, test.files, placement(), test.want)
				if word := foreign.FindString(err.Error()); word != "" {
					t.Errorf("%q passes through: %v", word, err)
				}
				if _, there := test.files[err.File]; !there {
					t.Errorf("blames %q, which is no file here: %v", err.File, err)
				}
				if strings.Contains(err.Problem, "\n") {
					t.Errorf("takes more than one line: %q", err.Problem)
				}
			})
		}
	}
}

// mistakes are folders that do not build, and what is said of them.
type mistakes []struct {
	name  string
	files testfleet.Files
	want  string
}

func manifestOf(text string) testfleet.Files {
	return testfleet.Files{"apps/app/kustomization.yaml": text, "apps/app/a.yaml": testfleet.ConfigMap("a")}
}

func named(name, text string) testfleet.Files { return testfleet.Files{"apps/app/" + name: text} }

// mistakesInKustomizations are of fields, names and syntax.
func mistakesInKustomizations() mistakes {
	return mistakes{
		{"a kustomization that is no YAML", named("kustomization.yaml",
			"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n x: [\n"),
			"apps/app/kustomization.yaml:3: is not YAML: "},
		{"an unknown field", manifestOf("# one\nresource: [a.yaml]\n"),
			`apps/app/kustomization.yaml:2: "resource" is not a field of a kustomization; hint: did you mean resources?`},
		{"a field of the wrong type", manifestOf("resources: a.yaml\n"), "apps/app/kustomization.yaml:1: "},
		{"an empty kustomization", manifestOf(""), "apps/app/kustomization.yaml: is empty; hint: "},
		{"two kustomizations",
			manifestOf("resources: [a.yaml]\n").With(testfleet.Files{"apps/app/kustomization.yml": "resources: [a.yaml]\n"}),
			"there are multiple kustomizations in this folder"},
		{"a missing file", manifestOf("resources:\n- a.yaml\n- db.yaml\n"),
			`apps/app/kustomization.yaml:3: resources[1]: "db.yaml" does not exist`},
		{"a missing file of a patch", manifestOf("resources: [a.yaml]\npatches:\n- path: gone.yaml\n"),
			`apps/app/kustomization.yaml:3: patches[0].path: "gone.yaml" does not exist`},
		{"a missing file of a generator", manifestOf("configMapGenerator:\n- name: g\n  files: [k=gone.txt]\n"),
			`apps/app/kustomization.yaml:3: configMapGenerator[0].files[0]: "gone.txt" does not exist`},
		{"a folder without kustomization",
			manifestOf("resources:\n- sub\n").With(testfleet.Files{"apps/app/sub/a.yaml": testfleet.ConfigMap("b")}),
			`apps/app/kustomization.yaml:2: resources[0]: folder "sub" has no kustomization.yaml`},
		{"a component that is a file", manifestOf("components: [a.yaml]\n"),
			`apps/app/kustomization.yaml:1: components[0]: "a.yaml" is a file`},
		{"a key twice",
			named("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndata: {a: x}\ndata: {b: y}\n"),
			`apps/app/cm.yaml:5: "data" stands twice in one mapping, in line 4 too; hint: keep one; ` +
				`where a merge kept both sides, begin it again (git checkout --merge FILE)`},
		{"a key twice below",
			named("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\n  labels: {a: b}\n  labels: {c: d}\n"),
			`apps/app/cm.yaml:6: "labels" stands twice`},
		{"a key twice beside a placement's",
			manifestOf("resources: [a.yaml]\n").With(testfleet.Files{"apps/app/a.yaml": "kind: ConfigMap\nkind: ConfigMap\n" +
				"apiVersion: v1\n" +
				"metadata: {name: a}\n"}), `apps/app/a.yaml:2: "kind" stands twice`},
		{"a manifest that is no YAML", named("a.yaml", testfleet.ConfigMap("b")+"---\na: [\n"), "apps/app/a.yaml:"},
		{"a template",
			named("kustomization.yaml",
				"resources: [c.yaml, sub]\n").With(testfleet.Files{"apps/app/c.yaml": "apiVersion: v1\nkind: ConfigMap\n" +
				"metadata: {name: c}\nspec:\n  a: {{ .Values.a }}\n", "apps/app/sub/kustomization.yaml": "resources: [a.yaml]\n",
				"apps/app/sub/a.yaml": testfleet.ConfigMap("a")}),
			"apps/app/c.yaml:5: has braces or brackets for a key, as {{ … }} of a template reads; hint: "},
		{"a template in a folder of manifests",
			named("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"),
			"apps/app/c.yaml:3: has braces or brackets for a key"},
		{"a tab", named("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: c\n"),
			"apps/app/c.yaml:4: is not YAML: found character that cannot start any token; hint: indent with spaces, not with " +
				"tabs"},
	}
}

// mistakesOfReferences are of what is listed, and what may not be.
func mistakesOfReferences() mistakes {
	return mistakes{
		{"a component under resources",
			manifestOf("resources: [a.yaml, " +
				"parts/tls]\n").With(testfleet.Files{"apps/app/parts/tls/kustomization.yaml": "apiVersion: " +
				"kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -tls\n"}),
			"apps/app/kustomization.yaml:1: resources lists folder apps/app/parts/tls, which is a Component; " +
				"hint: list it under components"},
		{"a kustomization under components",
			manifestOf("resources: [a.yaml]\n" +
				"components: [parts/tls]\n").With(testfleet.Files{"apps/app/parts/tls/kustomization.yaml": "resources: [b.yaml]\n",
				"apps/app/parts/tls/b.yaml": testfleet.ConfigMap("b")}),
			"apps/app/kustomization.yaml:2: components lists folder apps/app/parts/tls, which is no Component; " +
				"hint: list it under resources"},
		{"a control character",
			named("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: \"x\x07y\"}\n"),
			`apps/app/c.yaml:4: has the control character U+0007, which YAML does not allow; hint: ` +
				`take it out, or write it as "\x07" in double quotes`},
		{"a control character in a listed file",
			manifestOf("resources: [c.yaml]\n").
				With(testfleet.Files{"apps/app/c.yaml": "apiVersion: v1\n" +
					"kind: ConfigMap\n" +
					"metadata: {name: c}\ndata: {a: \"x\x1by\"}\n"}),
			"apps/app/c.yaml:4: has the control character U+001B"},
		{"a control character in a kustomization",
			manifestOf("resources: [a.yaml]\nnamePrefix: \"x\x7f\"\n"),
			"apps/app/kustomization.yaml:2: has the control character U+007F"},
		{"what is not UTF-8",
			named("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: \"x\xff\"}\n"),
			"apps/app/c.yaml:4: is not UTF-8; hint: save it as UTF-8"},
		{"a chart to inflate",
			manifestOf("resources: [a.yaml]\nhelmCharts:\n- {name: redis, repo: https://charts.example.com}\n"),
			"apps/app/kustomization.yaml:2: helmCharts: Helm is not run; hint: " +
				"render the chart into the repository (helm template)"},
		{"a chart to inflate, in the old way",
			manifestOf("resources: [a.yaml]\nhelmChartInflationGenerator:\n- {chartName: redis}\n"),
			"apps/app/kustomization.yaml:2: helmChartInflationGenerator: Helm is not run; hint: "},
		{"a remote base",
			manifestOf("resources:\n- a.yaml\n- https://user:hunter2@example.com/base?ref=v1\n"),
			"apps/app/kustomization.yaml:3: resources[1]: remote reference is refused; hint: " +
				"everything must be in the repository: copy it there, and list the copy"},
		{"a remote base by its host",
			manifestOf("resources:\n- a.yaml\n- git.example.com/acme/base\n"),
			"apps/app/kustomization.yaml:3: resources[1]: remote reference is refused; hint: "},
		{"a file outside",
			manifestOf("resources:\n- a.yaml\n- ../../../x.yaml\n"),
			`apps/app/kustomization.yaml:3: resources[1]: "../../../x.yaml" leaves the repository; hint: `},
	}
}

// mistakesInObjects are of objects, and of two that are one.
func mistakesInObjects() mistakes {
	return mistakes{
		{"another type than the stub's",
			named("kustomization.yaml", "resources: [db.yaml]\n"+
				"patches:\n"+
				"- target: {kind: Secret, name: db}\n  patch: |\n    - {op: add, path: /type, value: kubernetes.io/tls}\n").
				With(testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db")}),
			`apps/app/kustomization.yaml:5: Secret app/db: is of type "kubernetes.io/tls", its stub apps/app/db.yaml of ` +
				`"Opaque"; hint: ` +
				`the type stands in the stub`},
		{"another key than the stub's",
			named("kustomization.yaml", "resources: [db.yaml]\n"+
				"patches:\n"+
				"- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: db}\n    stringData:\n      host: db\n").
				With(testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db")}),
			"apps/app/kustomization.yaml:8: Secret app/db: has other data than its stub"},
		{"a generated name", named("job.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: m-\n"),
			"apps/app/job.yaml:4: metadata.generateName is refused"},
		{"a generated name in a list",
			named("l.yaml",
				"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {generateName: m-}}\n"),
			"apps/app/l.yaml:4: metadata.generateName is refused"},
		{"no name", named("a.yaml", "apiVersion: v1\nkind: ConfigMap\ndata: {}\n"),
			"apps/app/a.yaml:1: metadata.name is missing"},
		{"no kind", named("a.yaml", "# x\napiVersion: v1\nmetadata: {name: a}\n"), "apps/app/a.yaml:2: kind is missing"},
		{"values where a manifest is listed",
			manifestOf("resources: [values.yaml]\n").With(testfleet.Files{"apps/app/values.yaml": "foo: bar\n"}),
			"apps/app/values.yaml:1: is no Kubernetes object: it has neither apiVersion nor kind"},
		{"a text where a manifest is listed",
			manifestOf("resources: [a.txt]\n").With(testfleet.Files{"apps/app/a.txt": "hello\n"}),
			"apps/app/a.txt:1: is no Kubernetes object"},
		{"two files with one object", testfleet.Files{"apps/app/x.yaml": testfleet.ConfigMap("a"),
			"apps/app/y.yaml": testfleet.ConfigMap("a")},
			"apps/app/y.yaml:1: 2 files make ConfigMap a: apps/app/x.yaml:1, apps/app/y.yaml:1; hint: keep one"},
		{"two stubs with one name", testfleet.Files{"apps/app/x.yaml": testfleet.Stub("a"),
			"apps/app/y.yaml": testfleet.Stub("a") + "# y\n"}, "2 files make Secret a: apps/app/x.yaml:1, apps/app/y.yaml:1"},
		{"a base twice", testfleet.Files{"apps/app/kustomization.yaml": "resources: [../b, ../c]\n",
			"apps/b/kustomization.yaml": "resources: [../d]\n", "apps/c/kustomization.yaml": "resources: [../d]\n",
			"apps/d/kustomization.yaml": "resources: [a.yaml]\n", "apps/d/a.yaml": testfleet.ConfigMap("a")},
			"ConfigMap a is made twice"},
		{"a generator over a stub",
			named("kustomization.yaml",
				"resources: [db.yaml]\nsecretGenerator:\n"+
					"- {name: db, literals: [a=b]}\n").With(testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db")}),
			"apps/app/kustomization.yaml:2: secretGenerator cannot make or merge into Secret db, which stub apps/app/db.yaml " +
				"seals"},
		{"a generator that merges into a stub", named("kustomization.yaml",
			"resources: [db.yaml]\nsecretGenerator:\n"+
				"- {name: db, behavior: merge, literals: "+
				"[a=b]}\n").With(testfleet.Files{"apps/app/db.yaml": strings.Replace(testfleet.Stub("db"), "name: db",
			"name: db\n  namespace: app", 1)}),
			"apps/app/kustomization.yaml:2: secretGenerator cannot make or merge into Secret db"},
		{"two stubs, one with the namespace",
			testfleet.Files{"apps/app/x.yaml": strings.Replace(testfleet.Stub("a"), "name: a", "name: a\n  namespace: app", 1),
				"apps/app/y.yaml": testfleet.Stub("a")},
			"Secret app/a: stands twice in this build, from stub apps/app/x.yaml and stub apps/app/y.yaml; hint: keep one"},
	}
}

// mistakesOfChanges are of generators, patches and plugins.
func mistakesOfChanges() mistakes {
	return mistakes{
		{"a generator that merges with nothing",
			manifestOf("configMapGenerator:\n- {name: g, behavior: merge, literals: [a=b]}\n"),
			"apps/app/kustomization.yaml:1: a generator says behavior: merge or replace, and nothing of that name is there"},
		{"a generator's literal", manifestOf("configMapGenerator: [{name: g, literals: [a]}]\n"),
			"apps/app/kustomization.yaml:1: a generator has a literal"},
		{"a patch for nothing",
			manifestOf("resources: [a.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n" +
				"    metadata: {name: gone}\n"),
			"apps/app/kustomization.yaml:6: a patch is for ConfigMap gone, which is not in the build"},
		{"a patch file for nothing",
			manifestOf("resources: [a.yaml]\n" +
				"patches: [{path: p.yaml}]\n").With(testfleet.Files{"apps/app/p.yaml": testfleet.ConfigMap("gone")}),
			"apps/app/p.yaml:4: a patch is for ConfigMap gone"},
		{"a patch for the kind in the file", named("kustomization.yaml",
			"resources: [db.yaml]\npatches:\n- patch: |\n    apiVersion: bulla.dev/v1alpha1\n    kind: SealedManifest\n"+
				"    metadata: {name: db}\n").With(testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db")}),
			"stubs are built as what their template says, a v1 Secret; hint: write"},
		{"a patch without the namespace",
			manifestOf("resources: [a.yaml]\n" +
				"patches: [{path: p.yaml}]\n").With(testfleet.Files{"apps/app/a.yaml": strings.Replace(testfleet.ConfigMap("a"),
				"name: a", "name: a\n  namespace: app", 1), "apps/app/p.yaml": testfleet.ConfigMap("a")}),
			"a.yaml has it in namespace app; hint: write metadata.namespace: app in the patch"},
		{"a JSON patch of nothing",
			manifestOf("resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n" +
				"  patch: '[{\"op\": \"remove\", \"path\": \"/data/gone\"}]'\n"),
			"a JSON patch is to remove key gone, and the object has nothing there"},
		{"a JSON patch that adds below nothing",
			manifestOf("resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n" +
				"  patch: '[{\"op\": \"add\", \"path\": \"/metadata/labels/a\", \"value\": \"x\"}]'\n"),
			"a JSON patch says add /metadata/labels/a"},
		{"a patch that is none", manifestOf("resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: hello\n"),
			"apps/app/kustomization.yaml:2: a patch is neither"},
		{"a cycle", testfleet.Files{"apps/app/kustomization.yaml": "resources: [../b]\n",
			"apps/b/kustomization.yaml": "resources: [../app]\n"}, "there is a cycle: folder apps/app is built from itself"},
		{"an overlay in the folder that it builds on", testfleet.Files{
			"apps/app/kustomization.yaml":    "resources: [eu]\n",
			"apps/app/eu/kustomization.yaml": "resources: [../../app]\n"},
			"apps/app/eu/kustomization.yaml: there is a cycle: folder apps/app/eu lists apps/app, the folder that it lies in"},
		{"a plugin",
			manifestOf("generators: [g.yaml]\n").With(testfleet.Files{"apps/app/g.yaml": "apiVersion: " +
				"someteam.example.com/v1\n" +
				"kind: Gen\nmetadata: {name: g}\n"}), "ask for Gen, which is not built into kustomize"},
		{"a stub as a generator",
			manifestOf("generators: [db.yaml]\n").With(testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db")}),
			"apps/app/kustomization.yaml:1: generators, transformers or validators list a stub"},
		{"replacements of nothing",
			manifestOf("resources: [a.yaml]\nreplacements:\n- source: {kind: Secret, name: gone}\n" +
				"  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.key]}]\n"),
			"apps/app/kustomization.yaml:2: replacements: no object is selected by the source Secret gone"},
		{"replacements of a field that is not there",
			manifestOf("resources: [a.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: a, fieldPath: data.gone}\n" +
				"  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.key]}]\n"),
			"apps/app/kustomization.yaml:2: replacements: there is no field"},
		{"replicas of nothing", manifestOf("resources: [a.yaml]\nreplicas: [{name: gone, count: 2}]\n"),
			"apps/app/kustomization.yaml:2: replicas: nothing that has replicas is named gone"},
	}
}

// The file that makes the object is named, not one that mentions its words.
func TestTheBlamedFileIsTheOneThatMakesTheObject(t *testing.T) {
	mentions := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\n" +
		"spec: {template: {spec: {imagePullSecrets: [{name: open-to-all}]}}}\n"
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: open}\ndata: {a: Yg==}\n"
	for name, f := range map[string]testfleet.Files{
		"another file mentions both": {"apps/app/a.yaml": mentions, "apps/app/z.yaml": secret},
		"another document mentions it": {"apps/app/a.yaml": mentions + "---\n" + testfleet.ConfigMap("open"),
			"apps/app/z.yaml": secret},
	} {
		if err := buildError(t, f, placement()); err.File != "apps/app/z.yaml" {
			t.Errorf("%s: blames %q: %v", name, err.File, err)
		}
	}
	err := buildError(t, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("one") +
		"---\napiVersion: v1\nkind: 5\nmetadata: {name: one}\n"}, placement())
	if err.File != "apps/app/a.yaml" || err.Line < 6 || !strings.HasPrefix(err.Problem, "one: kind is the number 5") {
		t.Errorf("a kind that is a number: blames %s:%d: %v", err.File, err.Line, err)
	}
	err = buildError(t, sealedApp(patch("{kind: Secret, name: db}", `- {op: add, path: /data/host, value: ZGI=}`)),
		placement(), "data.host")
	if err.File != "apps/app/kustomization.yaml" {
		t.Errorf("a patch: blames %q: %v", err.File, err)
	}
}
