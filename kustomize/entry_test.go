package kustomize

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// TestWhatABuildGivesHasItsTypes: the getters of Kubernetes' libraries answer a
// wrong type as if there were nothing, and what is nothing is taken away at the
// next write.
func TestWhatABuildGivesHasItsTypes(t *testing.T) {
	object := func(kind, more string) string {
		return "apiVersion: v1\nkind: " + kind + "\nmetadata:\n  name: x\n" + more
	}
	deployment := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  selector:\n" +
		"    matchLabels: {app: LABEL}\n  template:\n    metadata:\n      labels: {app: POD}\n" +
		"    spec: {containers: [{name: c, image: i}], nodeSelector: {zone: NODE}}\n"
	in := func(old, value string) string {
		text := strings.Replace(deployment, old, value, 1)
		return strings.NewReplacer("LABEL", "x", "POD", "x", "NODE", "x").Replace(text)
	}
	const file = "apps/app/x.yaml"
	for name, test := range map[string]struct {
		files testfleet.Files
		field string
		file  string
	}{
		"kind": {testfleet.Files{file: "apiVersion: v1\nkind: 5\nmetadata: {name: x}\n"},
			"kind is the number 5", file},
		"a label": {testfleet.Files{file: object("Namespace", "  labels: {team: a, cost-center: 4711}\n")},
			"metadata.labels.cost-center is the number 4711", file},
		"a fraction": {testfleet.Files{file: object("ConfigMap", "  labels: {version: 1.5}\n")},
			"metadata.labels.version is the number 1.5", file},
		"labels as a list": {testfleet.Files{file: object("ConfigMap", "  labels: [a]\n")}, "metadata.labels", file},
		"finalizers": {testfleet.Files{file: object("ConfigMap", "  finalizers: [example.com/x, 5]\n")},
			"metadata.finalizers[1]", file},
		"finalizers as text": {testfleet.Files{file: object("ConfigMap", "  finalizers: example.com/x\n")},
			"metadata.finalizers", file},
		"ownerReferences as text": {testfleet.Files{file: object("ConfigMap", "  ownerReferences: [x]\n")},
			"metadata.ownerReferences[0]", file},
		"data of a ConfigMap": {testfleet.Files{file: object("ConfigMap", "data: {port: 8080}\n")},
			"data.port is the number 8080", file},
		"a selector":      {testfleet.Files{file: in("LABEL", "5")}, "spec.selector.matchLabels.app", file},
		"a pod template":  {testfleet.Files{file: in("POD", "true")}, "spec.template.metadata.labels.app", file},
		"a node selector": {testfleet.Files{file: in("NODE", "1")}, "spec.template.spec.nodeSelector.zone", file},
		"a template's metadata": {testfleet.Files{file: strings.Replace(in("", ""),
			"    metadata:\n      labels: {app: x}\n", "    metadata: x\n", 1)}, "spec.template.metadata is text", file},
		"a CronJob": {testfleet.Files{file: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\n" +
			"spec: {jobTemplate: {metadata: {labels: {a: 1}}, spec: {template: {metadata: {annotations: {b: c}}}}}}\n"},
			"spec.jobTemplate.metadata.labels.a", file},
		"a claim template": {testfleet.Files{file: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\n" +
			"spec: {volumeClaimTemplates: [{metadata: {name: d, labels: {a: 1}}}]}\n"},
			"spec.volumeClaimTemplates[0].metadata.labels.a", file},
		"a custom kind's template": {testfleet.Files{file: "apiVersion: example.com/v1\nkind: Rollout\n" +
			"metadata: {name: x}\nspec: {template: {metadata: {labels: {a: 1}}}}\n"},
			"spec.template.metadata.labels.a", file},
		"through a patch": {testfleet.Files{
			"apps/app/kustomization.yaml": "resources: [x.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |-\n" +
				"    - {op: add, path: /metadata/labels, value: {rev: 7}}\n",
			file: object("ConfigMap", ""),
		}, "metadata.labels.rev is the number 7", "apps/app/kustomization.yaml"},
		"through a patch in a file": {testfleet.Files{
			"apps/app/kustomization.yaml": "resources: [x.yaml]\npatches: [{path: p.yaml}]\n",
			"apps/app/p.yaml":             object("ConfigMap", "  labels: {scrape: true}\n"),
			file:                          object("ConfigMap", ""),
		}, "metadata.labels.scrape", "apps/app/p.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			err := buildError(t, test.files, placement(), test.field)
			if err.File != test.file {
				t.Errorf("error names %q, want %q: %v", err.File, test.file, err)
			}
		})
	}
}

// TestWhatKustomizeMakesText: it writes annotations anew, and nulls of labels.
func TestWhatKustomizeMakesText(t *testing.T) {
	b := build(t,
		testfleet.Files{"apps/app/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n" +
			"  labels: {a: b, version: }\n  annotations: {ready: true, n: 5}\n"}, placement())
	o := b.Objects[0]
	if diff := cmp.Diff(map[string]string{"a": "b", "version": ""}, o.GetLabels()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"ready": "true", "n": "5"}, o.GetAnnotations()); diff != "" {
		t.Error(diff)
	}
}

// TestWhatIsNoMistakeOfTypes: what Kubernetes takes, and what a custom kind may
// mean by the names that Kubernetes uses.
func TestWhatIsNoMistakeOfTypes(t *testing.T) {
	b := build(t, testfleet.Files{
		"apps/app/nulls.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: nulls\n  creationTimestamp: null\n" +
			"  labels:\n  annotations:\ndata:\n",
		"apps/app/custom.yaml": "apiVersion: example.com/v1\nkind: Policy\nmetadata: {name: custom}\n" +
			"spec: {match: {matchLabels: {a: 5}}, metadata: {labels: [x]}, patch: {template: {metadata: {annotations: {gone: " +
			"null}}}}}\n",
		"apps/app/data.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: data}\n" +
			"data: {metadata: text, matchLabels: text, template: text}\n",
		"apps/app/crd.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n" +
			"metadata: {name: rs.example.com}\nspec: {group: example.com, names: {kind: R, plural: rs}, scope: Namespaced, " +
			"versions: [{name: v1, schema: {openAPIV3Schema: {properties: {matchLabels: {type: object}, metadata: " +
			"{properties: {labels: {maxProperties: 5}}}}}}}]}\n",
	}, placement(func(p *api.Placement) {
		p.Spec.Allow = &api.PlacementAllow{ClusterResources: []string{"CustomResourceDefinition.apiextensions.k8s.io"}}
	}))
	want := []string{"_rs.example.com_apiextensions.k8s.io_CustomResourceDefinition", "app_custom_example.com_Policy",
		"app_data__ConfigMap", "app_nulls__ConfigMap"}
	if diff := cmp.Diff(want, ids(b)); diff != "" {
		t.Error(diff)
	}
}

// panicking is a tree whose files break whoever reads them.
type panicking struct{ *tree.Tree }

func (panicking) Read(string, *tree.Node) ([]byte, error) { panic("secret words") }

func (panicking) Size(string, *tree.Node) (int64, error) { return 0, nil }

// TestAPanicIsTheBuildErrorOfItsPlacement: a flight's own goroutine has nobody
// above it, so one that panics ends the process for everybody.
func TestAPanicIsTheBuildErrorOfItsPlacement(t *testing.T) {
	opened := testfleet.Open(t,
		testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a"), "apps/other/b.yaml": testfleet.ConfigMap("b")})
	broken := tree.New(opened.Hash(), "", opened.Root(), panicking{opened})
	builder := NewBuilder(BuilderOptions{SlowAfter: unhurried, Concurrency: 1})
	for range 2 {
		_, err := builder.Build(t.Context(), broken, placement())
		var refused *BuildError
		if !errors.As(err, &refused) || refused.Placement != "app" {
			t.Fatalf("error is %v, want a BuildError of app", err)
		}
		if !strings.Contains(err.Error(), "panicking") || strings.Contains(err.Error(), "secret words") {
			t.Errorf("error is %q; want the place, and nothing of the value", err)
		}
	}
	if n := builder.Processes(); n != 1 {
		t.Errorf("%d processes: the same tree is tried again and again", n)
	}
	other := placement(func(p *api.Placement) { p.Metadata.Name, p.Spec.Path = "other", "apps/other" })
	if _, err := builder.Build(t.Context(), opened, other); err != nil {
		t.Errorf("another placement is held up: %v", err)
	}
	_, err := builder.Build(t.Context(), nil, placement())
	if err == nil {
		t.Error("no tree builds")
	}
}
