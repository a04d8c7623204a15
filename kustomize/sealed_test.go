package kustomize

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// sealedApp is a folder with a stub, a workload that uses it and more lines of
// a kustomization.
func sealedApp(more string) testfleet.Files {
	return testfleet.Files{
		"apps/app/kustomization.yaml": "resources: [db.yaml, api.yaml]\n" + more,
		"apps/app/db.yaml":            testfleet.Stub("db"),
		"apps/app/api.yaml":           deployment,
	}
}

func patch(target, ops string) string {
	return "patches:\n- target: " + target + "\n  patch: |-\n    " + strings.ReplaceAll(ops, "\n", "\n    ") + "\n"
}

// Whatever takes a stub's values away, overwrites them or carries them off
// fails the build: without that an empty Secret goes over the live one.
func TestAStubComesOutWholeOrNotAtAll(t *testing.T) {
	for _, cases := range []refusals{spoiledMarks(), spoiledValues(), carriedOff()} {
		for _, test := range cases {
			t.Run(test.name, func(t *testing.T) {
				err := buildError(t, test.files, placement(), test.words...)
				if strings.ContainsFunc(err.Error(), isNonCharacter) {
					t.Errorf("error shows a place: %q", err)
				}
				if err.File == "" {
					t.Errorf("error names no file: %v", err)
				}
			})
		}
	}
}

const (
	sealedSecret = "{kind: Secret, name: db}"
	configOfAll  = "configMapGenerator: [{name: c, literals: [a=b], options: {disableNameSuffixHash: true}}]\n"
)

func mergedBy(fields string) string {
	return "patches:\n- target: {kind: Secret}\n  patch: |\n    apiVersion: v1\n    kind: Secret\n    " + fields + "\n"
}

func copiedTo(target string) string {
	return configOfAll + "replacements:\n- source: {kind: Secret, name: db, fieldPath: data.password}\n  targets: [" +
		target + "]\n"
}

func transformedBy(text string) testfleet.Files {
	return sealedApp("transformers: [t.yaml]\n").With(testfleet.Files{"apps/app/t.yaml": text})
}

// spoiledMarks are stubs whose mark a kustomization takes away.
func spoiledMarks() refusals {
	return refusals{
		{"all annotations replaced",
			sealedApp(patch("{kind: Secret}", `- {op: add, path: /metadata/annotations, value: {a: b}}`)),
			[]string{"stub apps/app/db.yaml is gone"}},
		{"all annotations replaced by replace",
			sealedApp(patch(sealedSecret, `- {op: replace, path: /metadata/annotations, value: {a: b}}`)),
			[]string{"all annotations"}},
		{"all annotations removed", sealedApp(patch(sealedSecret, `- {op: remove, path: /metadata/annotations}`)),
			[]string{"all annotations"}},
		{"all annotations removed by a null",
			sealedApp("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n" +
				"    metadata: {name: db, annotations: null}\n"), []string{"all annotations"}},
		{"metadata replaced by a merge", sealedApp(mergedBy("metadata: {name: db, $patch: replace}")),
			[]string{"all annotations"}},
		{"metadata replaced", sealedApp(patch(sealedSecret, `- {op: replace, path: /metadata, value: {name: db}}`)),
			[]string{"all annotations"}},
		{"the mark moved",
			sealedApp(patch(sealedSecret,
				`- {op: move, from: /metadata/annotations/bulla.dev~1stub, path: /metadata/annotations/other}`)),
			[]string{"all annotations"}},
		{"the mark moved, its name written with an escape",
			sealedApp(patch(sealedSecret,
				`- {op: move, from: "/metadata/annotations/bulla.dev\u007e1stub", path: /metadata/annotations/other}`)),
			[]string{"all annotations"}},
		{"the mark overwritten, its name written with an escape",
			sealedApp(patch(sealedSecret, `- {op: replace, path: "/metadata/annotations/bulla.dev\u007e1stub", value: x}`)),
			[]string{"names no stub"}},
	}
}

// spoiledValues are stubs whose values it takes away or changes.
func spoiledValues() refusals {
	return refusals{
		{"the values replaced", sealedApp(patch(sealedSecret, `- {op: add, path: /data, value: {host: ZGI=}}`)),
			[]string{"/data/password", "removed or overwritten"}},
		{"the values removed", sealedApp(patch(sealedSecret, `- {op: remove, path: /data}`)),
			[]string{"removed or overwritten"}},
		{"a value removed", sealedApp(patch(sealedSecret, `- {op: remove, path: /data/password}`)),
			[]string{"removed or overwritten"}},
		{"a value overwritten", sealedApp(patch(sealedSecret, `- {op: replace, path: /data/password, value: YQ==}`)),
			[]string{"removed or overwritten"}},
		{"a value renamed", sealedApp(patch(sealedSecret, `- {op: move, from: /data/password, path: /data/pass}`)),
			[]string{"copied or moved to /data/pass"}},
		{"a value in another field too",
			sealedApp(patch(sealedSecret, `- {op: copy, from: /data/password, path: /metadata/annotations/copy}`)),
			[]string{"copied or moved to /metadata/annotations/copy"}},
		{"values removed by a merge", sealedApp(mergedBy("metadata: {name: db}\n    data: null")),
			[]string{"removed or overwritten"}},
		{"values replaced by a merge", sealedApp(mergedBy("metadata: {name: db}\n    data: {$patch: replace, a: YQ==}")),
			[]string{"removed or overwritten"}},
		{"values deleted by a merge", sealedApp(mergedBy("metadata: {name: db}\n    data: {$patch: delete}")),
			[]string{"removed or overwritten"}},
		{"a value removed by a merge", sealedApp(mergedBy("metadata: {name: db}\n    data: {password: null}")),
			[]string{"removed or overwritten"}},
		{"mark and values removed",
			sealedApp(patch(sealedSecret, "- {op: remove, path: /metadata/annotations}\n- {op: remove, path: /data}")),
			[]string{"stub apps/app/db.yaml is read and builds no Secret"}},
		{"its kind changed", sealedApp("patches:\n- target: " + sealedSecret +
			"\n  options: {allowKindChange: true}\n  patch: |-\n    - {op: replace, path: /kind, value: ConfigMap}\n"),
			[]string{"stub apps/app/db.yaml"}},
		{"its type changed", sealedApp(patch(sealedSecret, `- {op: replace, path: /type, value: kubernetes.io/tls}`)),
			[]string{"type", "stub apps/app/db.yaml"}},
		{"left out as local",
			sealedApp(patch(sealedSecret,
				`- {op: add, path: /metadata/annotations/config.kubernetes.io~1local-config, value: "true"}`)),
			[]string{"stub apps/app/db.yaml is read and builds no Secret"}},
		{"replaced by a generator", sealedApp("secretGenerator: [{name: db, behavior: replace}]\n"),
			[]string{"stub apps/app/db.yaml"}},
		{"merged by a generator", sealedApp("secretGenerator: [{name: db, behavior: merge, literals: [extra=b]}]\n"),
			[]string{"apps/app/kustomization.yaml"}},
	}
}

// carriedOff are stubs whose values or files go elsewhere.
func carriedOff() refusals {
	return refusals{
		{"copied into a ConfigMap", sealedApp(copiedTo("{select: {kind: ConfigMap}, fieldPaths: [data.a]}")),
			[]string{"ConfigMap c", "sealed value /data/password of stub apps/app/db.yaml is copied", "/data/a"}},
		{"copied into a part of a text",
			sealedApp(configOfAll +
				"replacements:\n- source: {kind: Secret, name: db, fieldPath: data.password}\n" +
				"  targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image], options: " +
				"{delimiter: ':', index: 1}}]\n"), []string{"Deployment api", "copied"}},
		{"a part of it copied",
			sealedApp(configOfAll +
				"replacements:\n- source: {kind: Secret, name: db, fieldPath: data.password, options: {delimiter: \"\ufdd1\", " +
				"index: 0}}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a]}]\n"), []string{"ConfigMap c"}},
		{"copied into a variable",
			sealedApp("vars: [{name: PASS, objref: {apiVersion: v1, kind: Secret, name: db}, fieldref: {fieldpath: " +
				"data.password}}]\n" +
				"patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: api}\n" +
				"    spec: {template: {spec: {containers: [{name: api, args: ['$(PASS)']}]}}}\n"),
			[]string{"Deployment api", "copied"}},
		{"its file in a ConfigMap", sealedApp("configMapGenerator: [{name: c, files: [db.yaml]}]\n"),
			[]string{"ConfigMap c: ", "apps/app/"}},
		{"its file in a Secret", sealedApp("secretGenerator: [{name: c, files: [db.yaml]}]\n"), []string{"apps/app/"}},
		{"its file as a patch", sealedApp("patches: [{path: db.yaml}]\n"), []string{"stub apps/app/db.yaml"}},
		{"its file as a patch of another", sealedApp("patches: [{path: db.yaml, target: {kind: Deployment}}]\n"),
			[]string{"apps/app/"}},
		{"its file as definitions", sealedApp("crds: [db.yaml]\n"), []string{"apps/app/"}},
		{"a field of it named by a transformer",
			transformedBy("apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: t}\nprefix: x\n" +
				"fieldSpecs: [{kind: Secret, path: data/password}]\n"), []string{"Secret db", "copied or moved"}},
		{"its values merged by a component", sealedApp("components: [c]\n").With(testfleet.Files{
			"apps/app/c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" +
				patch(sealedSecret, `- {op: remove, path: /metadata/annotations}`)}),
			[]string{"all annotations", "apps/app/c/kustomization.yaml"}},
		{"lost in one of two overlays", testfleet.Files{
			"apps/app/kustomization.yaml":      "resources: [blue, green]\n",
			"apps/app/blue/kustomization.yaml": "namePrefix: blue-\nresources: [../../base]\n",
			"apps/app/green/kustomization.yaml": "namePrefix: green-\nresources: [../../base]\n" +
				patch("{kind: Secret}", "- {op: remove, path: /metadata/annotations}\n- {op: remove, path: /data}"),
			"apps/base/kustomization.yaml": "resources: [db.yaml]\n",
			"apps/base/db.yaml":            testfleet.Stub("db"),
		}, []string{"apps/app/green/kustomization.yaml", "stub apps/base/db.yaml is read 2 times and builds 1"}},
		{"in a list", testfleet.Files{"apps/app/list.yaml": "apiVersion: v1\nkind: List\nitems:\n- " +
			strings.ReplaceAll(strings.TrimSuffix(testfleet.Stub("db"), "\n"), "\n", "\n  ") + "\n"},
			[]string{"alone in its file"}},
	}
}

// isNonCharacter: places are made of them, and no file has a use for one.
func isNonCharacter(r rune) bool { return unicode.Is(unicode.Noncharacter_Code_Point, r) }

func TestWhatAnOverlayMayDoWithAStub(t *testing.T) {
	for _, test := range []struct {
		name, more string
		metadata   map[string]any
	}{
		{"as it is", "", map[string]any{"name": "db", "namespace": "app"}},
		{"an annotation more", patch("{kind: Secret}", `- {op: add, path: /metadata/annotations/a, value: b}`),
			map[string]any{"name": "db", "namespace": "app", "annotations": map[string]any{"a": "b"}}},
		{"labels", "labels: [{pairs: {a: b}, includeTemplates: true}]\n",
			map[string]any{"name": "db", "namespace": "app", "labels": map[string]any{"a": "b"}}},
		{"immutable", patch("{kind: Secret}", `- {op: add, path: /immutable, value: true}`),
			map[string]any{"name": "db", "namespace": "app"}},
		{"another name", "namePrefix: a-\nnameSuffix: -b\n", map[string]any{"name": "a-db-b", "namespace": "app"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, o := range build(t, sealedApp(test.more), placement()).Objects {
				if o.GetKind() != "Secret" {
					continue
				}
				if o.Stub == nil || o.Object["data"] != nil {
					t.Errorf("stub %v, data %v", o.Stub, o.Object["data"])
				}
				if diff := cmp.Diff(test.metadata, o.Object["metadata"]); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestADeletedStubIsNoted(t *testing.T) {
	deletes := "$patch: delete\napiVersion: v1\nkind: Secret\nmetadata: {name: db}\n"
	inline := strings.ReplaceAll(strings.TrimSuffix(deletes, "\n"), "\n", "\n    ")
	for _, test := range []struct {
		name, more string
		files      testfleet.Files
		file       string
	}{
		{"by a patch written out", "patches:\n- patch: |\n    " + inline + "\n", nil, "apps/app/kustomization.yaml"},
		{"by a patch in a file", "patches: [{path: del.yaml}]\n", testfleet.Files{"apps/app/del.yaml": deletes},
			"apps/app/del.yaml"},
		{"by a patch with a target", "patches:\n- target: {kind: Secret, name: d.*}\n  patch: |\n    " +
			strings.Replace(inline, "name: db", "name: any", 1) + "\n", nil, "apps/app/kustomization.yaml"},
		{"by a file with a target", "patches: [{path: del.yaml, target: {kind: Secret}}]\n",
			testfleet.Files{"apps/app/del.yaml": strings.Replace(deletes, "db", "any", 1)}, "apps/app/kustomization.yaml"},
		{"by an old patch", "patchesStrategicMerge:\n- |-\n    " + inline + "\n", nil, "apps/app/kustomization.yaml"},
		{"by a transformer", "transformers: [t.yaml]\n",
			testfleet.Files{"apps/app/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npatch: |\n" +
				"    " + inline + "\n"}, "apps/app/t.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := build(t, sealedApp(test.more).With(test.files), placement())
			if len(b.Deleted) != 1 || b.Deleted[0].Stub.Path != "apps/app/db.yaml" || b.Deleted[0].File != test.file {
				t.Errorf("deleted: %+v", b.Deleted)
			}
			if diff := cmp.Diff([]string{"app_api_apps_Deployment"}, ids(b)); diff != "" {
				t.Error(diff)
			}
		})
	}
	// A patch that deletes something else is no consent.
	buildError(
		t,
		sealedApp(
			"secretGenerator: [{name: db, behavior: replace}]\npatches:\n- target: {kind: Secret, name: other}\n  patch: |\n"+
				"    "+inline+"\n",
		),
		placement(),
		"/data/password of stub apps/app/db.yaml is removed or overwritten",
	)
}

// The digest of what is built has nothing of what a build works with.
func TestABuildWithStubsIsTheSameEachTime(t *testing.T) {
	first := build(t, sealedApp("namePrefix: a-\n"), placement())
	for range 2 {
		if again := build(t, sealedApp("namePrefix: a-\n"), placement()); again.Digest != first.Digest {
			t.Error("another digest")
		}
	}
	if want := "sha256:"; !strings.HasPrefix(first.Digest, want) || api.StubAnnotation == "" {
		t.Errorf("digest %q", first.Digest)
	}
}

// TestAGeneratorThatMergesNothingIntoAStub changes nothing of it: neither its name,
// which a hash would end, nor what it seals.
func TestAGeneratorThatMergesNothingIntoAStub(t *testing.T) {
	for name, more := range map[string]string{
		"nothing":          "secretGenerator: [{name: db, behavior: merge}]\n",
		"no literals":      "secretGenerator: [{name: db, behavior: merge, literals: []}]\n",
		"an annotation":    "secretGenerator: [{name: db, behavior: merge, options: {annotations: {a: b}}}]\n",
		"under its prefix": "secretGenerator: [{name: db, behavior: merge}]\nnamePrefix: eu-\n",
	} {
		b := build(t, sealedApp(more), placement())
		found := 0
		for _, o := range b.Objects {
			if o.Stub == nil {
				continue
			}
			found++
			if want := map[bool]string{true: "eu-db", false: "db"}[strings.Contains(more, "eu-")]; o.GetName() != want ||
				o.Object["data"] != nil ||
				o.Object["type"] != "Opaque" {
				t.Errorf("%s: built %v", name, o.Object)
			}
		}
		if found != 1 || len(b.Deleted) > 0 {
			t.Errorf("%s: %d sealed objects, deleted %v", name, found, b.Deleted)
		}
	}
}
