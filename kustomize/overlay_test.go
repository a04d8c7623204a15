package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// laid is the placement with more of its spec, parsed as its file is.
func laid(t *testing.T, more string) *api.Placement {
	t.Helper()
	text := testfleet.Placement("app", "apps/app", "app", "{clusterName: one}") + more
	p, err := api.ParsePlacement("placements/app.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// layered is a folder without a kustomization: a workload that reads a stub's Secret.
func layered() testfleet.Files {
	return testfleet.Files{
		"apps/app/api.yaml": strings.Replace(wiredAPI, `image: "api:1"`, `image: "example.com/migrate:1"`, 1),
		"apps/app/db.yaml":  wiredStub("db", toAPI),
		"apps/app/a.yaml":   testfleet.ConfigMap("a"),
	}
}

func object(t *testing.T, b *Build, kind string) Object {
	t.Helper()
	for _, o := range b.Objects {
		if o.GetKind() == kind {
			return o
		}
	}
	t.Fatalf("no %s among %v", kind, ids(b))
	return Object{}
}

func TestARenameReachesSealedObjectsAndTheirReaders(t *testing.T) {
	b := build(t, layered(), laid(t, "  namePrefix: shop-\n  nameSuffix: -v2\n"))
	want := []string{
		"app_shop-a-v2__ConfigMap", "app_shop-api-v2_apps_Deployment", "app_shop-db-v2__Secret from apps/app/db.yaml",
	}
	if diff := cmp.Diff(want, ids(b)); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, line := range wires(t, b, "Deployment") {
		if strings.Contains(line, "secretRef") {
			names = append(names, line[strings.Index(line, "{"):])
		}
	}
	const named = `{"secretRef":{"name":"shop-db-v2"}}`
	if diff := cmp.Diff([]string{named, named}, names); diff != "" {
		t.Error(diff)
	}
}

func TestCommonMetadataIsOfObjectsAlone(t *testing.T) {
	b := build(t, layered(), laid(t, "  commonMetadata: {labels: {team: shop}, annotations: {example.com/by: shop}}\n"))
	for _, o := range b.Objects {
		if o.GetLabels()["team"] != "shop" || o.GetAnnotations()["example.com/by"] != "shop" {
			t.Errorf("%s has %v and %v", o.ID(), o.GetLabels(), o.GetAnnotations())
		}
	}
	spec := object(t, b, "Deployment").Object["spec"].(map[string]any)
	template := spec["template"].(map[string]any)["metadata"].(map[string]any)
	want := map[string]any{"labels": map[string]any{"app": "api"}}
	if diff := cmp.Diff(want, template); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"matchLabels": map[string]any{"app": "api"}}, spec["selector"]); diff != "" {
		t.Error(diff)
	}
}

func TestPatchesImagesAndComponentsOfAPlacement(t *testing.T) {
	f := layered().With(testfleet.Files{
		"apps/common/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" +
			"resources: [extra.yaml]\n",
		"apps/common/extra.yaml": testfleet.ConfigMap("extra"),
	})
	b := build(t, f, laid(t, `  patches:
  - target: {kind: Deployment, name: api}
    patch: |
      - {op: add, path: /spec/replicas, value: 3}
  - patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: a}
      data: {key: patched}
  images: [{name: api, newName: example.com/api, newTag: "7"}]
  components: [../common]
`))
	if got := value(t, b, "key"); got != "patched" {
		t.Errorf("key is %v", got)
	}
	deployment := object(t, b, "Deployment").Object
	if got := deployment["spec"].(map[string]any)["replicas"]; got != int64(3) {
		t.Errorf("replicas are %v", got)
	}
	if text := strings.Join(containersOf(deployment), " "); text != "example.com/api:7 proxy:1" {
		t.Errorf("images are %s", text)
	}
	if !strings.Contains(strings.Join(ids(b), " "), "app_extra__ConfigMap") {
		t.Errorf("the component is not built: %v", ids(b))
	}
}

func containersOf(deployment map[string]any) (images []string) {
	spec := deployment["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	for _, c := range spec["containers"].([]any) {
		images = append(images, c.(map[string]any)["image"].(string))
	}
	return images
}

func TestAFolderOfNothingTakesAComponent(t *testing.T) {
	f := testfleet.Files{
		"apps/app/README.md": "nothing yet",
		"apps/common/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" +
			"resources: [a.yaml]\n",
		"apps/common/a.yaml": testfleet.ConfigMap("a"),
	}
	b := build(t, f, laid(t, "  components: [../common]\n"))
	if diff := cmp.Diff([]string{"app_a__ConfigMap"}, ids(b)); diff != "" {
		t.Error(diff)
	}
	if got := ids(build(t, f, laid(t, "  namePrefix: x-\n"))); len(got) != 0 {
		t.Errorf("built %v", got)
	}
}

func TestAPatchOfAPlacementTouchesNoSealedField(t *testing.T) {
	secret := "apiVersion: v1, kind: Secret, metadata: {name: db}"
	const configMap = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, "
	for name, patch := range map[string]string{
		"overwrites a sealed value":  "{" + secret + ", data: {password: QUJD}}",
		"removes a sealed value":     "{" + secret + ", data: {password: null}}",
		"adds plaintext":             "{" + secret + ", stringData: {more: plain}}",
		"adds a value":               "{" + secret + ", data: {more: QUJD}}",
		"takes its type":             "{" + secret + ", type: kubernetes.io/tls}",
		"takes its mark":             "[{op: remove, path: /metadata/annotations}]",
		"marks another as the stub":  configMap + "annotations: {bulla.dev/stub: x}}}",
		"forges the owner's label":   configMap + "labels: {" + v1alpha1.OwnerLabel + ": x}}}",
		"places it elsewhere":        "[{op: replace, path: /metadata/namespace, value: kube-system}]",
		"makes it cluster-scoped":    "[{op: replace, path: /kind, value: ClusterRole}]",
		"copies the place elsewhere": "[{op: copy, from: /data/password, path: /metadata/annotations/x}]",
	} {
		t.Run(name, func(t *testing.T) {
			target := ""
			if strings.HasPrefix(patch, "[") {
				target = "\n    target: {kind: Secret, name: db}"
			}
			refused := buildError(t, layered(), laid(t, "  patches:\n  - patch: \""+patch+"\""+target+"\n"))
			if strings.Contains(refused.Error(), ".git") {
				t.Errorf("it names a file that is none: %v", refused)
			}
		})
	}
}

func TestAPlacementMayDeleteAStubsObjectOpenly(t *testing.T) {
	b := build(t, layered().With(testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db")}), laid(t,
		"  patches:\n  - patch: \"{apiVersion: v1, kind: Secret, metadata: {name: db}, $patch: delete}\"\n"))
	if len(b.Deleted) != 1 || b.Deleted[0].File != `spec.patches of placement "app"` {
		t.Errorf("deleted: %+v", b.Deleted)
	}
}

func TestWhatAPlacementHasWrongIsNamedAsIts(t *testing.T) {
	for name, test := range map[string]struct {
		more  string
		words []string
	}{
		"a patch for nothing": {"  patches: [{patch: \"{apiVersion: v1, kind: ConfigMap, metadata: {name: none}}\"}]\n",
			[]string{"none"}},
		"a patch that is none":             {"  patches: [{patch: \"just text\"}]\n", []string{"a patch is neither"}},
		"a JSON patch without a target":    {"  patches: [{patch: \"[{op: remove, path: /data}]\"}]\n", []string{"a patch"}},
		"a component that is not there":    {"  components: [../none]\n", []string{"spec.components[0]", "does not exist"}},
		"a component that is no component": {"  components: [../plain]\n", nil},
		"numbers where texts belong": {
			"  patches: [{patch: \"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: 5}}\"}]\n",
			[]string{"data.key", "quotes"},
		},
		"a label of bulla's own": {
			"  commonMetadata: {labels: {" + v1alpha1.OwnerLabel + ": x}}\n", []string{"bulla's own"},
		},
		"a patch that is fetched":   {"  patches: [{patch: \"https://example.com/x.yaml\"}]\n", nil},
		"a patch that names a file": {"  patches: [{patch: \"a.yaml\"}]\n", nil},
		"pod security without a line of it": {
			"  commonMetadata: {labels: {pod-security.kubernetes.io/enforce: privileged}}\n",
			[]string{"allow.podSecurity"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := layered().With(testfleet.Files{
				"apps/plain/kustomization.yaml": "resources: []\n",
				"apps/app/ns.yaml":              "apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n",
			})
			refused := buildError(t, f, laid(t, test.more), test.words...)
			if strings.Contains(refused.Error(), ".git") || strings.Contains(refused.File, ".git") {
				t.Errorf("it names a file that is none: %v", refused)
			}
		})
	}
}

// A folder that a tree cannot have is not to be had by a path that goes there.
func TestNobodyReadsTheOverlay(t *testing.T) {
	f := testfleet.Files{"apps/app/kustomization.yaml": "resources: [../../.git/kustomization.yaml]\n"}
	buildError(t, f, laid(t, "  namePrefix: x-\n"))
	buildError(t, f, laid(t, ""))
}
