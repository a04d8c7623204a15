package kustomize

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/google/go-cmp/cmp"
)

// TestWhatKustomizeWouldLoseIsRefusedBefore: it reads maps of text by getters that
// answer a wrong type as if there were nothing, and writes them anew.
func TestWhatKustomizeWouldLoseIsRefusedBefore(t *testing.T) {
	for _, cases := range []losses{lostInFiles(), lostThroughPatches(), lostThroughReplacements(),
		lostInKustomizations()} {
		for name, test := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				buildError(t, test.files, placement(), test.want)
			})
		}
	}
}

// losses are folders with a value that kustomize would lose, and what is said of it.
type losses map[string]struct {
	files testfleet.Files
	want  string
}

func configMapX(more string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n" + more
}

func patchedBy(patch string) testfleet.Files {
	return testfleet.Files{
		"apps/app/x.yaml":             configMapX(""),
		"apps/app/kustomization.yaml": "resources: [x.yaml]\npatches:\n- path: p.yaml\n  target: {kind: ConfigMap}\n",
		"apps/app/p.yaml":             patch,
	}
}

func patchedInline(patch string) testfleet.Files {
	return testfleet.Files{
		"apps/app/x.yaml": configMapX(""),
		"apps/app/kustomization.yaml": "resources: [x.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |-\n    " +
			strings.ReplaceAll(patch, "\n", "\n    ") + "\n",
	}
}

func kustomizedBy(text string) testfleet.Files {
	return testfleet.Files{
		"apps/app/x.yaml":             configMapX(""),
		"apps/app/kustomization.yaml": "resources: [x.yaml]\n" + text + "\n",
	}
}

// deepX is an object with more than text below its spec.
func deepX() testfleet.Files {
	return oneFile(configMapX("spec: {deep: {a: b}, list: [c], text: d}\n"))
}

func replacing(from, to string) string {
	return "resources: [x.yaml]\nreplacements:\n- source: {kind: K, name: deep, fieldPath: " + from +
		"}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [" + to + "], options: {create: true}}]\n"
}

func replacedBy(from, to string) testfleet.Files {
	const custom = "apiVersion: example.com/v1\nkind: K\nmetadata: {name: deep}\n" +
		"spec: {deep: {a: b}, list: [c], text: d}\n"
	return testfleet.Files{
		"apps/app/x.yaml":             configMapX("  annotations: {keep: e}\n") + "---\n" + custom,
		"apps/app/kustomization.yaml": replacing(from, to),
	}
}

func oneFile(text string) testfleet.Files { return testfleet.Files{"apps/app/x.yaml": text} }

// lostInFiles are values of the wrong type in objects.
func lostInFiles() losses {
	return losses{
		"a mapping for an annotation": {oneFile(configMapX("  annotations:\n    a: {b: c}\n")),
			"apps/app/x.yaml:6: ConfigMap x: metadata.annotations.a is a mapping, not text"},
		"a list for an annotation": {oneFile(configMapX("  annotations:\n    ok: yes\n    a: [b]\n")),
			"apps/app/x.yaml:7: ConfigMap x: metadata.annotations.a is a list, not text"},
		"a null for an annotation": {oneFile(configMapX("  annotations: {a: null}\n")),
			"apps/app/x.yaml:5: ConfigMap x: metadata.annotations.a is null, not text"},
		"a List whose items are none": {oneFile("apiVersion: v1\nkind: List\nitems: 5\n"),
			"apps/app/x.yaml:3: List: items is the number 5, not a list"},
		"a List with mistyped items": {oneFile("apiVersion: v1\nkind: List\nitem:\n" +
			"- {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n"),
			"apps/app/x.yaml:3: List: item is no field of a list; hint: did you mean items?"},
		"a List of nothing": {oneFile("apiVersion: v1\nkind: SecretList\nmetadata: {}\n"),
			"apps/app/x.yaml:1: SecretList: it has no items"},
		"items as a mapping": {oneFile("apiVersion: v1\nkind: ConfigMapList\nitems: {a: b}\n"),
			"apps/app/x.yaml:3: ConfigMapList: items is a mapping, not a list"},
		"annotations as text": {oneFile(configMapX("  annotations: x\n")),
			"apps/app/x.yaml:5: ConfigMap x: metadata.annotations is text, not a mapping"},
		"annotations as a number": {oneFile(configMapX("  annotations: 5\n")),
			"apps/app/x.yaml:5: ConfigMap x: metadata.annotations is the number 5, not a mapping"},
		"annotations as a list": {oneFile(configMapX("  annotations: [x]\n")),
			"apps/app/x.yaml:5: ConfigMap x: metadata.annotations is a list, not a mapping"},
		"labels as text": {kustomizedBy("commonLabels: {a: b}").With(
			oneFile(configMapX("  labels: x\n"))), "apps/app/x.yaml:5: ConfigMap x: metadata.labels is text, not a mapping"},
		"a date for a label": {oneFile(configMapX("  labels: {a: 2001-01-01}\n")),
			"apps/app/x.yaml:5: ConfigMap x: metadata.labels.a is a date, not text"},
		"a number for a key": {oneFile(configMapX("  labels: {5: a}\n")),
			"apps/app/x.yaml:5: ConfigMap x: metadata.labels has the number 5 for a key, not text"},
		"a second document": {oneFile(configMapX("") + "---\n" +
			strings.Replace(configMapX("  labels: {a: 5}\n"), "name: x", "name: y", 1)),
			"apps/app/x.yaml:10: ConfigMap y: metadata.labels.a is the number 5, not text"},
		"an object of a list": {oneFile("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n" +
			"  metadata: {name: x, annotations: [x]}\n"), "apps/app/x.yaml:6: ConfigMap x: metadata.annotations is a list"},
		"an alias": {oneFile("apiVersion: example.com/v1\nkind: K\nspec: &l {a: [5]}\nmetadata:\n  name: x\n" +
			"  annotations: *l\n"), "metadata.annotations.a is a list"},
		"a merge": {oneFile("apiVersion: example.com/v1\nkind: K\nspec: &l {a: [5]}\nmetadata:\n  name: x\n" +
			"  annotations:\n    <<: *l\n"), "metadata.annotations.a is a list"},
		"JSON": {testfleet.Files{"apps/app/x.json": "{\"apiVersion\": \"v1\", \"kind\": " +
			"\"ConfigMap\", \"metadata\": {\"name\": \"x\",\n\"annotations\": {\"a\": {}}}}"},
			"apps/app/x.json:2: ConfigMap x: metadata.annotations.a is a mapping"},
		"a custom kind": {oneFile("apiVersion: example.com/v1\nkind: K\n" +
			"metadata: {name: x, annotations: {a: [1]}}\n"), "apps/app/x.yaml:3: K x: metadata.annotations.a is a list"},
		"data that a generator merges into": {kustomizedBy("configMapGenerator: [{name: x, behavior: merge, literals: " +
			"[a=b]}]").With(testfleet.Files{"apps/app/x.yaml": configMapX("data:\n  k: {a: b}\n")}),
			"apps/app/x.yaml:6: ConfigMap x: data.k is a mapping, not text"},
		"data with a date": {oneFile(configMapX("data: {since: 2001-01-01}\n")),
			"apps/app/x.yaml:5: ConfigMap x: data.since is a date, not text"},
	}
}

// lostThroughPatches are those that a patch brings.
func lostThroughPatches() losses {
	return losses{
		"through a patch": {patchedBy("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n" +
			"  annotations: {a: {b: c}}\n"), "apps/app/p.yaml:5: ConfigMap x: metadata.annotations.a is a mapping"},
		"through a JSON patch": {patchedBy("- op: add\n  path: /metadata/annotations\n  value: {a: [b]}\n"),
			"apps/app/p.yaml:3: patch add /metadata/annotations: metadata.annotations.a is a list"},
		"through a JSON patch of all": {patchedBy("- op: add\n  path: /metadata/annotations\n  value: x\n"),
			"apps/app/p.yaml:3: patch add /metadata/annotations: metadata.annotations is text"},
		"through a JSON patch of one": {patchedInline("- op: add\n  path: /metadata/annotations/example.com~1a\n" +
			"  value: {b: c}"),
			"patch add /metadata/annotations/example.com~1a: metadata.annotations.example.com/a is a mapping"},
		"through a patch of metadata": {patchedInline("- {op: replace, path: /metadata, value: {name: x, annotations: [a]}}"),
			"metadata.annotations is a list"},
		"through a patch written out": {patchedInline("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n" +
			"  annotations:\n" +
			"    deep: {b: c}"), "apps/app/kustomization.yaml:10: ConfigMap x: metadata.annotations.deep is a mapping"},
		"through a transformer": {kustomizedBy("transformers: " +
			"[t.yaml]").With(testfleet.Files{"apps/app/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\n" +
			"metadata: {name: t}\ntarget: {kind: ConfigMap}\npatch: |-\n" +
			"  - {op: add, path: /metadata/annotations, value: text}\n"}),
			"apps/app/t.yaml:6: patch add /metadata/annotations: metadata.annotations is text, not a mapping"},
		"through a transformer's file": {kustomizedBy("transformers: " +
			"[t/t.yaml]").With(testfleet.Files{"apps/app/t/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\n" +
			"metadata: {name: t}\ntarget: {kind: ConfigMap}\npath: p.yaml\n",
			"apps/app/p.yaml": "- op: add\n  path: /metadata/labels\n  value: [x]\n"}),
			"apps/app/p.yaml:3: patch add /metadata/labels: metadata.labels is a list, not a mapping"},
		"through a transformer written out": {kustomizedBy("transformers:\n- |-\n  apiVersion: builtin\n" +
			"  kind: PatchTransformer\n  metadata: {name: t}\n  target: {kind: ConfigMap}\n" +
			"  patch: '[{\"op\": \"add\", \"path\": \"/metadata/annotations\", \"value\": [1]}]'"),
			"apps/app/kustomization.yaml:8: patch add /metadata/annotations: metadata.annotations is a list, not a mapping"},
		"a mapping copied to an annotation": {patchedInline("- {op: copy, from: /spec/deep, path: " +
			"/metadata/annotations/new}").With(deepX()),
			"patch copy to /metadata/annotations/new: metadata.annotations.new is a mapping, not text; " +
				"hint: write the value where"},
		"a list moved to a label": {patchedBy("- op: move\n  from: /spec/list\n" +
			"  path: /metadata/labels/new\n").With(deepX()),
			"apps/app/p.yaml:3: patch move to /metadata/labels/new: metadata.labels.new is a list, not text"},
		"text moved over all annotations": {patchedInline("- {op: move, from: /spec/text, path: " +
			"/metadata/annotations}").With(deepX()), "metadata.annotations is text, not a mapping"},
		"a deep mapping over all annotations": {patchedInline("- {op: copy, from: /spec, path: " +
			"/metadata/annotations}").With(deepX()),
			"metadata.annotations.deep is a mapping, not text"},
		"an object patched as a whole": {patchedInline("- {op: replace, path: '', value: {apiVersion: v1, kind: ConfigMap, " +
			"metadata: {name: x, annotations: [a]}}}"), "metadata.annotations is a list, not a mapping"},
	}
}

// lostThroughReplacements are those that a replacement carries.
func lostThroughReplacements() losses {
	return losses{
		"a mapping put in an annotation": {replacedBy("spec.deep", "metadata.annotations.new"),
			"apps/app/kustomization.yaml:4: replacement of metadata.annotations.new: metadata.annotations.new is a mapping, " +
				"not text"},
		"a list put over an annotation": {replacedBy("spec.list", "metadata.annotations.keep"),
			"metadata.annotations.keep is a list, not text"},
		"text put over all annotations": {replacedBy("spec.text", "metadata.annotations"),
			"metadata.annotations is text, not a mapping"},
		"a deep mapping put over them": {replacedBy("spec", "metadata.annotations"),
			"metadata.annotations.deep is a mapping, not text"},
		"a mapping that a patch makes": {replacedBy("spec.made",
			"metadata.annotations.new").With(testfleet.Files{"apps/app/kustomization.yaml": replacing("spec.made",
			"metadata.annotations.new") + "patches: [{path: p.yaml}]\n",
			"apps/app/p.yaml": "apiVersion: example.com/v1\nkind: K\nmetadata: {name: deep}\nspec: {made: {a: b}}\n"}),
			"metadata.annotations.new is a mapping, not text"},
		"a replacement in a file": {replacedBy("",
			"").With(testfleet.Files{"apps/app/kustomization.yaml": "resources: [x.yaml]\nreplacements: [{path: r.yaml}]\n",
			"apps/app/r.yaml": "source: {kind: K, name: deep, fieldPath: spec.deep}\ntargets:\n- select: {kind: ConfigMap}\n" +
				"  fieldPaths: [metadata.annotations.new]\n  options: {create: true}\n"}),
			"apps/app/r.yaml:4: replacement of metadata.annotations.new"},
		"a replacement of a transformer": {replacedBy("",
			"").With(testfleet.Files{"apps/app/kustomization.yaml": "resources: [x.yaml]\ntransformers: [t.yaml]\n",
			"apps/app/t.yaml": "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: t}\nreplacements:\n" +
				"- source: {kind: K, name: deep, fieldPath: spec.deep}\n" +
				"  targets: [{select: {kind: ConfigMap}, fieldPaths: [metadata.annotations.new], options: {create: true}}]\n"}),
			"apps/app/t.yaml:6: replacement of metadata.annotations.new"},
	}
}

// lostInKustomizations are of identities, and of what a kustomization gives to all.
func lostInKustomizations() losses {
	return losses{
		"a kind that is a mapping": {oneFile("apiVersion: v1\nkind: {a: b}\nmetadata: {name: x}\n"),
			"apps/app/x.yaml:2: kind is a mapping, not text"},
		"metadata that is a list": {oneFile("apiVersion: v1\nkind: ConfigMap\nmetadata: [x]\n"),
			"apps/app/x.yaml:3: metadata is a list, not a mapping"},
		"a name that is a list": {oneFile("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [x]\n"),
			"apps/app/x.yaml:4: metadata.name is a list, not text"},
		"common labels": {kustomizedBy("commonLabels: {a: b, n: 5}"),
			"apps/app/kustomization.yaml:2: commonLabels.n is the number 5, not text; hint: put it in quotes"},
		"common annotations": {kustomizedBy("commonAnnotations:\n  a: b\n  on-call: true"),
			"apps/app/kustomization.yaml:4: commonAnnotations.on-call is true or false, not text"},
		"pairs": {kustomizedBy("labels:\n- pairs:\n    n: 5"),
			"apps/app/kustomization.yaml:4: labels[0].pairs.n is the number 5, not text"},
		"options of generators": {kustomizedBy("generatorOptions:\n  annotations: {a: 1.5}"),
			"apps/app/kustomization.yaml:3: generatorOptions.annotations.a is the number 1.5, not text"},
		"a generator's options": {kustomizedBy("configMapGenerator:\n- name: g\n  literals: [a=b]\n  options:\n" +
			"    labels: {n: 5}"),
			"apps/app/kustomization.yaml:6: configMapGenerator[0].options.labels.n is the number 5, not text"},
		"a template that is a " +
			"template": {kustomizedBy("commonLabels: {a: b}").With(testfleet.Files{"apps/app/x.yaml": "apiVersion: apps/v1\n" +
			"kind: Deployment\nmetadata: {name: x}\nspec: {template: {metadata: {labels: x}}}\n"}),
			"Deployment x: spec.template.metadata.labels is no mapping"},
	}
}

// TestEveryValueOfTheWrongTypeIsTold: one at a time is a push for each.
func TestEveryValueOfTheWrongTypeIsTold(t *testing.T) {
	bad := func(name string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n  labels: {a: 5}\n  annotations: [b]\n"
	}
	err := buildError(t, testfleet.Files{"apps/app/x.yaml": bad("x"), "apps/app/y.yaml": bad("y")}, placement())
	var got []string
	for _, e := range append([]*BuildError{err}, err.More...) {
		got = append(got, e.File+" "+e.Problem)
	}
	want := []string{
		"apps/app/x.yaml ConfigMap x: metadata.labels.a is the number 5, not text; hint: put it in quotes",
		"apps/app/x.yaml ConfigMap x: metadata.annotations is a list, not a mapping",
		"apps/app/y.yaml ConfigMap y: metadata.labels.a is the number 5, not text; hint: put it in quotes",
		"apps/app/y.yaml ConfigMap y: metadata.annotations is a list, not a mapping",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAPatchMayTakeAwayLabelsAndAnnotations: there a null is no mistake.
func TestAPatchMayTakeAwayLabelsAndAnnotations(t *testing.T) {
	b := build(t, testfleet.Files{
		"apps/app/kustomization.yaml": "resources: [x.yaml, y.yaml]\nconfigMapGenerator: [{name: g, files: [data.yaml]}]\n" +
			"patches: [{path: p.yaml}, {path: q.yaml}]\n",
		"apps/app/x.yaml": "apiVersion: v1\nkind: ConfigMap\n" +
			"metadata: {name: x, labels: {a: b, c: d}, annotations: {a: b, c: d}}\n",
		"apps/app/y.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y, annotations: {a: b}}\n",
		"apps/app/p.yaml": "apiVersion: v1\nkind: ConfigMap\n" +
			"metadata: {name: x, labels: {a: null}, annotations: {$patch: merge, a: null}}\n",
		"apps/app/q.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y, annotations: null}\n",
		"apps/app/data.yaml": "metadata: {annotations: [x]}\n",
	}, placement())
	for _, o := range b.Objects {
		want := map[string]string{"x": "d"}[o.GetName()]
		if o.GetLabels()["c"] != want || o.GetAnnotations()["c"] != want || o.GetAnnotations()["a"] != "" {
			t.Errorf("%s has labels %v and annotations %v", o.GetName(), o.GetLabels(), o.GetAnnotations())
		}
	}
}

// TestWhatIsTextIsCarried: a host, a name, a number go to annotations and labels, and
// one map of text takes another's place.
func TestWhatIsTextIsCarried(t *testing.T) {
	b := build(t, testfleet.Files{
		"apps/app/kustomization.yaml": "resources: [x.yaml, k.yaml]\nreplacements:\n" +
			"- source: {kind: K, name: deep, fieldPath: spec.host}\n" +
			"  targets: [{select: {kind: ConfigMap}, fieldPaths: ['metadata.annotations.[example.com/host]', " +
			"metadata.labels.host], options: {create: true}}]\n" +
			"- source: {kind: K, name: deep, fieldPath: spec.port}\n" +
			"  targets: [{select: {kind: ConfigMap}, fieldPaths: [metadata.annotations.port, metadata.labels.port], options: " +
			"{}}]\n" +
			"patches:\n- target: {kind: ConfigMap}\n  patch: |-\n" +
			"    - {op: copy, from: /data/a, path: /metadata/annotations/copied}\n" +
			"    - {op: copy, from: /metadata/labels, path: /data}\n",
		"apps/app/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {port: none}, annotations: {port: " +
			"none}}\ndata: {a: b}\n",
		"apps/app/k.yaml": "apiVersion: example.com/v1\nkind: K\nmetadata: {name: deep}\n" +
			"spec: {host: h, port: 80, maps: {a: b}}\n",
	}, placement())
	for _, o := range b.Objects {
		if o.GetKind() != "ConfigMap" {
			continue
		}
		got := [4]string{o.GetAnnotations()["example.com/host"], o.GetLabels()["host"], o.GetAnnotations()["port"],
			o.GetLabels()["port"]}
		if got != [4]string{"h", "h", "80", "80"} {
			t.Errorf("carried %v", got)
		}
	}
}
