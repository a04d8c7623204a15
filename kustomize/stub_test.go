package kustomize

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: api:1
        envFrom: [{secretRef: {name: db}}]
`

func TestStubsGoThroughTransformersAsWhatTheyBecome(t *testing.T) {
	base := testfleet.Files{
		"apps/base/kustomization.yaml": "resources: [db.yaml, api.yaml]\n",
		"apps/base/db.yaml":            testfleet.Stub("db"),
		"apps/base/api.yaml":           deployment,
	}
	both := base.With(testfleet.Files{
		"apps/app/kustomization.yaml":       "resources: [blue, green]\n",
		"apps/app/blue/kustomization.yaml":  "namePrefix: blue-\nresources: [../../base]\n",
		"apps/app/green/kustomization.yaml": "namePrefix: green-\nresources: [../../base]\n",
	})
	for _, test := range []struct {
		name  string
		files testfleet.Files
		path  string
		want  []string
		ref   string // the secret that the workload refers to
	}{
		{"as it is", base, "apps/base", []string{"app_api_apps_Deployment", "app_db__Secret from apps/base/db.yaml"}, "db"},
		{"without a kustomization",
			testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db"), "apps/app/api.yaml": deployment}, "apps/app",
			[]string{"app_api_apps_Deployment", "app_db__Secret from apps/app/db.yaml"}, "db"},
		{"renamed and moved", base.With(testfleet.Files{
			"apps/app/kustomization.yaml": "namePrefix: prod-\nnamespace: app\nimages: [{name: api, newTag: v2}]\n" +
				"labels: [{pairs: {env: prod}}]\ncommonAnnotations: {team: a}\nresources: [../base]\n",
		}), "apps/app", []string{"app_prod-api_apps_Deployment", "app_prod-db__Secret from apps/base/db.yaml"}, "prod-db"},
		{"two overlays of one base", both, "apps/app", []string{
			"app_blue-api_apps_Deployment", "app_blue-db__Secret from apps/base/db.yaml",
			"app_green-api_apps_Deployment", "app_green-db__Secret from apps/base/db.yaml",
		}, "blue-db"},
		{"through a component", base.With(testfleet.Files{
			"apps/app/kustomization.yaml": "resources: [../base]\ncomponents: [../component]\n",
			"apps/component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" +
				"resources: [extra.yaml]\npatches:\n- target: {kind: Secret}\n  patch: |-\n" +
				"    - {op: add, path: /metadata/labels, value: {a: b}}\n",
			"apps/component/extra.yaml": testfleet.Stub("extra"),
		}), "apps/app", []string{"app_api_apps_Deployment", "app_db__Secret from apps/base/db.yaml",
			"app_extra__Secret from apps/component/extra.yaml"}, "db"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := build(t, test.files, placement(func(p *api.Placement) { p.Spec.Path = test.path }))
			if diff := cmp.Diff(test.want, ids(b)); diff != "" {
				t.Error(diff)
			}
			for _, o := range b.Objects {
				text := fmt.Sprint(o.Object)
				if strings.Contains(text, api.StubAnnotation) || strings.Contains(text, "AGE ENCRYPTED") {
					t.Errorf("the mark or a payload is left in %s", text)
				}
				if o.GetKind() == "Deployment" && strings.Contains(o.GetName(), strings.TrimSuffix(test.ref, "db")) &&
					!strings.Contains(text, "map[name:"+test.ref+"]") {
					t.Errorf("the workload does not refer to %s: %s", test.ref, text)
				}
			}
		})
	}
}

func TestWhatAPlacementMayNotBuild(t *testing.T) {
	for _, cases := range []refusals{plaintextAndStubs(), outOfBounds()} {
		for _, test := range cases {
			t.Run(test.name, func(t *testing.T) {
				buildError(t, test.files, placement(), test.words...)
			})
		}
	}
}

// refusals are folders that a placement may not build, and words of why.
type refusals []struct {
	name  string
	files testfleet.Files
	words []string
}

func withStub(more string) testfleet.Files {
	return testfleet.Files{
		"apps/app/kustomization.yaml": "resources: [db.yaml]\n" + more,
		"apps/app/db.yaml":            testfleet.Stub("db"),
	}
}

func objectOf(kind, name, more string) testfleet.Files {
	return testfleet.Files{
		"apps/app/x.yaml": "apiVersion: v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\n" + more,
	}
}

// plaintextAndStubs are about what is sealed, and what is not.
func plaintextAndStubs() refusals {
	return refusals{
		{"a plaintext Secret", objectOf("Secret", "open", "data: {a: Yg==}\n"),
			[]string{"apps/app/x.yaml", "plaintext data"}},
		{"a plaintext Secret in stringData", objectOf("Secret", "open", "stringData: {a: b}\n"),
			[]string{"apps/app/x.yaml", "plaintext stringData"}},
		{"a generated Secret",
			testfleet.Files{"apps/app/kustomization.yaml": "namePrefix: p-\nsecretGenerator: [{name: open, literals: [a=b]}]\n"},
			[]string{"apps/app/kustomization.yaml", "plaintext data"}},
		{"a Secret in a list",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: v1\nkind: List\nitems:\n" +
				"- {apiVersion: v1, kind: Secret, metadata: {name: open}, data: {a: Yg==}}\n"}, []string{"plaintext data"}},
		{"data added to a stub by a patch",
			withStub("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: db}\n" +
				"    data: {password: YQ==}\n"), []string{"/data/password of stub apps/app/db.yaml is removed or overwritten"}},
		{"public data added to a stub by a patch",
			withStub("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: db}\n" +
				"    data: {host: YQ==}\n"),
			[]string{"apps/app/kustomization.yaml:7: ", "other data than its stub apps/app/db.yaml (data.host)"}},
		{"stringData added to a stub",
			withStub("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: db}\n" +
				"    stringData: {password: a}\n"), []string{"other data"}},
		{"a stub's kind changed",
			withStub("patches:\n- target: {kind: Secret}\n  options: {allowKindChange: true}\n  patch: |-\n" +
				"    - {op: replace, path: /kind, value: ConfigMap}\n"), []string{"kind of its stub"}},
		{"a stub copied by replacements",
			withStub("configMapGenerator: [{name: c, literals: [a=b]}]\nreplacements:\n" +
				"- source: {kind: Secret, name: db, fieldPath: 'metadata.annotations.[bulla.dev/stub]'}\n" +
				"  targets: [{select: {kind: ConfigMap}, fieldPaths: ['metadata.annotations.[bulla.dev/stub]'], options: " +
				"{create: " +
				"true}}]\n"), []string{"bulla's own"}},
		{"the mark of a stub in input",
			objectOf("Secret", "open",
				"").With(testfleet.Files{"apps/app/y.yaml": "apiVersion: v1\nkind: Secret\n" +
				"metadata: {name: y, annotations: {bulla.dev/stub: 'sha256:00'}}\n"}), []string{"apps/app/y.yaml", "bulla's own"}},
		{"the mark of a stub in input, escaped",
			testfleet.Files{"apps/app/y.yaml": "apiVersion: v1\nkind: Secret\n" +
				"metadata: {name: y, annotations: {\"bulla.dev\\x2fstub\": 'sha256:00'}}\n"}, []string{"names no stub"}},
		{"a stub in another namespace",
			testfleet.Files{"apps/app/kustomization.yaml": "namespace: other\nresources: [db.yaml]\n",
				"apps/app/db.yaml": testfleet.Stub("db")}, []string{`namespace "other"`}},
		{"a stub of scope Fleet", testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db", "Fleet")},
			[]string{"allow.fleetScope"}},
		{"a stub beside another document", testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db") + "---\n" +
			testfleet.ConfigMap("a")}, []string{"apps/app/db.yaml"}},
		{"a stub behind another document", testfleet.Files{"apps/app/db.yaml": testfleet.ConfigMap("a") + "---\n" +
			testfleet.Stub("db")}, []string{"apps/app/db.yaml", "second document"}},
		{"a stub whose kind is written with escapes",
			testfleet.Files{"apps/app/db.yaml": strings.Replace(testfleet.Stub("db"), "SealedManifest", `"Sealed\x4danifest"`,
				1)}, []string{"alone in its file"}},
		{"a damaged stub",
			testfleet.Files{"apps/app/db.yaml": strings.Replace(testfleet.Stub("db"), "scope: Strict", "scope: Wide", 1)},
			[]string{"apps/app/db.yaml", "scope"}},
	}
}

// outOfBounds are about where objects stand, and whose they are.
func outOfBounds() refusals {
	return refusals{
		{"an object in another namespace", objectOf("ConfigMap", "a, namespace: kube-system", ""),
			[]string{`namespace "kube-system"`}},
		{"a Namespace that is not the placement's", objectOf("Namespace", "other", ""), []string{"allow.clusterResources"}},
		{"a Namespace that says what its pods may do",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: v1\nkind: Namespace\n" +
				"metadata: {name: app, labels: {pod-security.kubernetes.io/enforce: privileged}}\n"},
			[]string{"pod-security.kubernetes.io/enforce", "allow.podSecurity"}},
		{"a Namespace that a transformer makes say so",
			testfleet.Files{"apps/app/kustomization.yaml": "resources: [x.yaml]\n" +
				"labels: [{pairs: {pod-security.kubernetes.io/warn: restricted}}]\n",
				"apps/app/x.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n"},
			[]string{"pod-security.kubernetes.io/warn", "allow.podSecurity"}},
		{"a ClusterRole",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n" +
				"metadata: {name: a}\n"}, []string{`"ClusterRole.rbac.authorization.k8s.io"`}},
		{"a cluster-scoped kind of its own", testfleet.Files{"apps/app/x.yaml": crd("Cluster") +
			"---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n"}, []string{`"Thing.example.com"`}},
		{"one of bulla's own kinds",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: bulla.dev/v1alpha1\nkind: FleetSync\nmetadata: {name: a}\n"},
			[]string{"bulla's own kinds"}},
		{"a reference beside another document",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: bulla.dev/v1alpha1\nkind: SealedReference\nmetadata: {name: a}\n" +
				"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"},
			[]string{"apps/app/x.yaml:4: ", "second document"}},
		{"a reference whose kind is written with escapes",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: bulla.dev/v1alpha1\nkind: \"Sealed\\x52eference\"\n" +
				"metadata: {name: a}\n"},
			[]string{"a SealedReference must stand alone in its file"}},
		{"a generated name",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n"},
			[]string{"apps/app"}},
		{"a stub named with a NUL", withStub("nameSuffix: \"\\0\"\n"),
			[]string{`"db\x00"`, "a name that Kubernetes does not take"}},
		{"a stub with a name of 64 KiB", withStub("namePrefix: " + strings.Repeat("a", 64<<10) + "\n"),
			[]string{"a name that Kubernetes does not take"}},
		{"an owner", objectOf("ConfigMap", "a, ownerReferences: [{apiVersion: v1, kind: Pod, name: a, uid: b}]", ""),
			[]string{"ownerReferences"}},
		{"an exported object", objectOf("ConfigMap", `a, resourceVersion: "48151"`, ""),
			[]string{"apps/app/x.yaml:3: ConfigMap app/a: has metadata.resourceVersion", "take resourceVersion, uid"}},
		{"a live object's uid", objectOf("ConfigMap", "a, uid: 5d1c", ""), []string{"metadata.uid"}},
		{"another's label", objectOf("ConfigMap", "a, labels: {bulla.dev/placement: other}", ""), []string{"bulla's own"}},
		{"another's label in a pod template",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n" +
				"spec: {template: {metadata: {labels: {bulla.dev/placement: other}}}}\n"}, []string{"bulla's own"}},
		{"another's label in a job's pod template",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\n" +
				"spec: {jobTemplate: {spec: {template: {metadata: {labels: {bulla.dev/fleet: other}}}}}}\n"},
			[]string{"bulla's own"}},
		{"one object twice", testfleet.Files{"apps/app/x.yaml": testfleet.ConfigMap("a"),
			"apps/app/y.yaml": testfleet.ConfigMap("a") + ""}, []string{"a"}},
		{"one object twice by default of namespace",
			testfleet.Files{"apps/app/x.yaml": testfleet.ConfigMap("a"),
				"apps/app/y.yaml": strings.Replace(testfleet.ConfigMap("a"), "name: a", "name: a\n  namespace: app", 1)},
			[]string{"twice"}},
	}
}

func crd(scope string) string {
	return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n" +
		"spec: {group: example.com, scope: " + scope + ", names: {kind: Thing, plural: things}}\n"
}

func TestWhatAPlacementMayBuildWithALine(t *testing.T) {
	allow := func(a api.PlacementAllow) func(*api.Placement) {
		return func(p *api.Placement) { p.Spec.Allow = &a }
	}
	namespaces := func(p *api.Placement) { p.Spec.TargetNamespace, p.Spec.Namespaces = "", []string{"a", "b"} }
	thing := "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n"
	for _, test := range []struct {
		name   string
		files  testfleet.Files
		change func(*api.Placement)
		want   []string
	}{
		{"its own Namespace needs none",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n"},
			func(*api.Placement) {}, []string{"_app__Namespace"}},
		{"its own Namespace with pod security",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: v1\nkind: Namespace\n" +
				"metadata: {name: app, labels: {pod-security.kubernetes.io/enforce: restricted}}\n"},
			allow(api.PlacementAllow{PodSecurity: true}), []string{"_app__Namespace"}},
		{"a label of another kind says nothing",
			testfleet.Files{"apps/app/x.yaml": strings.Replace(testfleet.ConfigMap("a"), "name: a",
				"name: a\n  labels: {pod-security.kubernetes.io/enforce: x}", 1)}, func(*api.Placement) {},
			[]string{"app_a__ConfigMap"}},
		{"an empty Secret needs none",
			testfleet.Files{"apps/app/x.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\n" +
				"type: kubernetes.io/service-account-token\n"}, func(*api.Placement) {}, []string{"app_token__Secret"}},
		{"scope Fleet", testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db", "Fleet")},
			allow(api.PlacementAllow{FleetScope: true}), []string{"app_db__Secret from apps/app/db.yaml"}},
		{"a ClusterRole", testfleet.Files{"apps/app/kustomization.yaml": "namespace: app\nresources: [x.yaml]\n",
			"apps/app/x.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n"},
			allow(api.PlacementAllow{ClusterResources: []string{"ClusterRole.rbac.authorization.k8s.io"}}),
			[]string{"_a_rbac.authorization.k8s.io_ClusterRole"}},
		{"a cluster-scoped kind whose definition is elsewhere", testfleet.Files{"apps/app/x.yaml": thing},
			allow(api.PlacementAllow{ClusterResources: []string{"Thing.example.com"}}), []string{"_a_example.com_Thing"}},
		{"a kind that its own definition calls namespaced",
			testfleet.Files{"apps/app/x.yaml": crd("Namespaced") + "---\n" + thing},
			allow(api.PlacementAllow{ClusterResources: []string{"CustomResourceDefinition.apiextensions.k8s.io",
				"Thing.example.com"}}),
			[]string{"_things.example.com_apiextensions.k8s.io_CustomResourceDefinition", "app_a_example.com_Thing"}},
		{"no line makes a built-in kind cluster-scoped", testfleet.Files{"apps/app/x.yaml": testfleet.ConfigMap("a")},
			allow(api.PlacementAllow{ClusterResources: []string{"ConfigMap"}}), []string{"app_a__ConfigMap"}},
		{"several namespaces",
			testfleet.Files{"apps/app/x.yaml": strings.Replace(testfleet.ConfigMap("a"), "name: a", "name: a\n  namespace: b",
				1)}, namespaces, []string{"b_a__ConfigMap"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ids(build(t, test.files, placement(test.change)))); diff != "" {
				t.Error(diff)
			}
		})
	}
	buildError(t, testfleet.Files{"apps/app/x.yaml": testfleet.ConfigMap("a")}, placement(namespaces), "more than one")
}

func TestPublicDataOfAStubIsBuilt(t *testing.T) {
	b := build(t, testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db", "data: {user: YQ==}")}, placement())
	o := b.Objects[0]
	if diff := cmp.Diff(map[string]any{"user": "YQ=="}, o.Object["data"]); diff != "" || o.Stub == nil {
		t.Errorf("stub %v, data: %s", o.Stub, diff)
	}
	if o.Stub.Digest != api.StubDigest([]byte(testfleet.Stub("db", "data: {user: YQ==}"))) {
		t.Errorf("digest %s is not of the file", o.Stub.Digest)
	}
}

func TestTheDigestChangesWithWhatIsBuilt(t *testing.T) {
	base := testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a"), "apps/app/db.yaml": testfleet.Stub("db")}
	digestOf := func(f testfleet.Files) string { return build(t, f, placement()).Digest }
	want := digestOf(base)
	if got := digestOf(base.With(testfleet.Files{"apps/app/README.md": "x",
		"apps/other/x.yaml": testfleet.ConfigMap("x")})); got != want {
		t.Error("a file beside the build changes the digest")
	}
	var seen []string
	for name, f := range map[string]testfleet.Files{
		"another object": base.With(testfleet.Files{"apps/app/b.yaml": testfleet.ConfigMap("b")}),
		"another value": base.With(testfleet.Files{"apps/app/a.yaml": strings.Replace(testfleet.ConfigMap("a"), "value",
			"other", 1)}),
		"another lock": base.With(testfleet.Files{"apps/app/db.yaml": strings.Replace(testfleet.Stub("db"), "set/all",
			"set/other", 1)}),
	} {
		got := digestOf(f)
		if got == want || slices.Contains(seen, got) {
			t.Errorf("%s does not change the digest", name)
		}
		seen = append(seen, got)
	}
}
