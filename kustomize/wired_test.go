package kustomize

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// wiredStub is a stub with the keys password and (public) host.
func wiredStub(name string, entries ...string) string {
	stub := testfleet.Stub(name, "data: {host: ZGI=}")
	return strings.Replace(stub, "  blocks:", "  deliverAs:\n  - "+strings.Join(entries, "\n  - ")+"\n  blocks:", 1)
}

const (
	toAPI    = "{workload: {kind: Deployment, name: api}, env: {}}"
	keyToAPI = "{workload: {kind: Deployment, name: api}, env: {keys: {password: DB_PASSWORD}}}"
	inAPI    = "{workload: {kind: Deployment, name: api}, volume: {mountPath: /etc/db}}"
)

// wiredAPI has an init container and two containers.
const wiredAPI = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      initContainers:
      - {name: migrate, image: "api:1"}
      containers:
      - name: api # the one
        image: api:1
        env:
        - {name: MODE, value: fast}
      - {name: proxy, image: "proxy:1"}
`

// wires are what the workloads of a build have of Secrets, as JSON.
func wires(t *testing.T, b *Build, kind string) []string {
	t.Helper()
	var all []string
	for _, o := range b.Objects {
		if o.GetKind() != kind {
			continue
		}
		for _, template := range workload.Templates(o.Object) {
			var spec any = o.Object
			for _, step := range template.Path {
				spec, _ = spec.(map[string]any)[step]
			}
			pod, _ := spec.(map[string]any)["spec"].(map[string]any)
			line := func(what string, list any) {
				for _, item := range list.([]any) {
					text, err := json.Marshal(item)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, what+" "+string(text))
				}
			}
			if pod["volumes"] != nil {
				line(o.GetName()+" volume", pod["volumes"])
			}
			for _, list := range []string{"initContainers", "containers"} {
				containers, _ := pod[list].([]any)
				for _, c := range containers {
					for _, field := range []string{"env", "envFrom", "volumeMounts"} {
						if value := c.(map[string]any)[field]; value != nil {
							line(o.GetName()+"/"+c.(map[string]any)["name"].(string), value)
						}
					}
				}
			}
		}
	}
	return all
}

func jsonPatch(operation string) string {
	return "patches:\n- target: {kind: Deployment}\n  patch: |-\n    - " + operation + "\n"
}

// allKeys is what wiredAPI has of a stub that gives it all keys, below a prefix.
var allKeys = []string{
	`prod-api/api {"name":"MODE","value":"fast"}`,
	`prod-api/api {"secretRef":{"name":"prod-db"}}`, `prod-api/proxy {"secretRef":{"name":"prod-db"}}`,
}

func wiredBase(stub string) testfleet.Files {
	return testfleet.Files{
		"apps/base/kustomization.yaml": "resources: [api.yaml, db.yaml]\n",
		"apps/base/api.yaml":           wiredAPI, "apps/base/db.yaml": stub,
	}
}

func wiredOverlay(stub, kustomization string, more testfleet.Files) testfleet.Files {
	return wiredBase(stub).With(testfleet.Files{
		"apps/app/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n" + kustomization,
	}).With(more)
}

// wiredCase is a folder, and what its Deployments have of Secrets once it is built.
type wiredCase struct {
	name  string
	files testfleet.Files
	want  []string
}

func testWires(t *testing.T, cases []wiredCase) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			p := placement()
			if _, ok := test.files["apps/app/kustomization.yaml"]; !ok && test.files["apps/app/a.yaml"] == "" {
				p.Spec.Path = "apps/base"
			}
			b := build(t, test.files, p)
			if diff := cmp.Diff(test.want, wires(t, b, "Deployment")); diff != "" {
				t.Error(diff)
			}
			for _, o := range b.Objects {
				if strings.Contains(o.GetAnnotations()["bulla.dev/wired"], "0") {
					t.Errorf("%s keeps the mark", o.ID())
				}
			}
		})
	}
}

func TestAStubIsWiredBeforeKustomizeBegins(t *testing.T) {
	testWires(t, []wiredCase{
		{"all keys, through a prefix", wiredOverlay(wiredStub("db", toAPI), "", nil), allKeys},
		{"with a stub that is read before the workload, in a folder without kustomization", testfleet.Files{
			"apps/app/a.yaml": wiredStub("prod-db", "{workload: {kind: Deployment, name: prod-api}, env: {}}"),
			"apps/app/b.yaml": strings.Replace(wiredAPI, "{name: api}", "{name: prod-api}", 1)}, allKeys},
		{"with the stub in the overlay alone", testfleet.Files{
			"apps/base/kustomization.yaml": "resources: [api.yaml]\n", "apps/base/api.yaml": wiredAPI,
			"apps/app/kustomization.yaml": "resources: [../base, db.yaml]\nnamePrefix: prod-\n",
			"apps/app/db.yaml":            wiredStub("db", toAPI)}, allKeys},
		{"with the stub in a component", testfleet.Files{
			"apps/base/kustomization.yaml": "resources: [api.yaml]\n", "apps/base/api.yaml": wiredAPI,
			"apps/with/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: " +
				"[db.yaml]\n", "apps/with/db.yaml": wiredStub("db", toAPI),
			"apps/app/kustomization.yaml": "resources: [../base]\ncomponents: [../with]\nnamePrefix: prod-\n"}, allKeys},
		{"what an overlay's patch adds stays beside it", wiredOverlay(wiredStub("db", keyToAPI),
			"patches: [{path: more.yaml}]\n", testfleet.Files{
				"apps/app/more.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: " +
					"{containers: [{name: api, env: [{name: MORE, value: x}]}, {name: proxy, $patch: delete}]}}}\n"}), []string{
			`prod-api/api {"name":"MORE","value":"x"}`, `prod-api/api {"name":"MODE","value":"fast"}`,
			`prod-api/api {"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"key":"password","name":"prod-db"}}}`}},
		{"a patch beside the stub is no workload", testfleet.Files{
			"apps/base/kustomization.yaml": "resources: [api.yaml]\n", "apps/base/api.yaml": wiredAPI,
			"apps/app/kustomization.yaml": "resources: [../base, db.yaml]\nnamePrefix: prod-\npatches: [{path: more.yaml}]\n",
			"apps/app/db.yaml":            wiredStub("db", toAPI),
			"apps/app/more.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\n" +
				"spec: {template: {spec: {containers: [{name: api, env: [{name: MORE, value: x}]}]}}}\n"}, []string{
			`prod-api/api {"name":"MORE","value":"x"}`, `prod-api/api {"name":"MODE","value":"fast"}`,
			`prod-api/api {"secretRef":{"name":"prod-db"}}`, `prod-api/proxy {"secretRef":{"name":"prod-db"}}`}},
		{"a patch that works only on what is wired", wiredOverlay(wiredStub("db", toAPI),
			jsonPatch("{op: test, path: /spec/template/spec/containers/0/envFrom/0/secretRef/name, value: db}"), nil), allKeys},
		{"a patch that replaces all annotations", wiredOverlay(wiredStub("db", toAPI),
			jsonPatch("{op: add, path: /metadata/annotations, value: {a: b}}"), nil), allKeys},
		{"replacements reach the reference", wiredOverlay(wiredStub("db", keyToAPI),
			"replacements: [{source: {kind: Secret, name: db, fieldPath: metadata.name}, targets: [{select: {kind: "+
				"Deployment}, fieldPaths: ['spec.template.spec.containers.[name=api].env.[name=MODE].value', "+
				"'spec.template.spec.containers.[name=api].env.[name=DB_PASSWORD].valueFrom.secretKeyRef.name']}]}]\n", nil),
			[]string{
				`prod-api/api {"name":"MODE","value":"prod-db"}`,
				`prod-api/api {"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"key":"password","name":"prod-db"}}}`,
				`prod-api/proxy {"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"key":"password","name":"prod-db"}}}`}},
	})
}

func TestAStubIsWiredAsItSays(t *testing.T) {
	testWires(t, []wiredCase{
		{"some keys", wiredOverlay(wiredStub("db",
			"{workload: {kind: Deployment, name: api}, containers: [api], env: {keys: "+
				"{password: DB_PASSWORD, host: DB_HOST}, optional: true}}"), "", nil), []string{
			`prod-api/api {"name":"MODE","value":"fast"}`,
			`prod-api/api {"name":"DB_HOST","valueFrom":{"secretKeyRef":{"key":"host","name":"prod-db","optional":true}}}`,
			`prod-api/api {"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"key":"password","name":"prod-db",` +
				`"optional":true}}}`}},
		{"a prefix of variables, an init container", wiredOverlay(wiredStub("db",
			"{workload: {kind: Deployment, name: api}, containers: [migrate], env: {prefix: DB_}}"), "", nil), []string{
			`prod-api/migrate {"prefix":"DB_","secretRef":{"name":"prod-db"}}`, `prod-api/api {"name":"MODE","value":"fast"}`}},
		{"a volume", wiredOverlay(wiredStub("db", "{workload: {kind: Deployment, name: api}, volume: {mountPath: /etc/db, "+
			"defaultMode: \"0400\", items: [{key: host, path: a/host, mode: \"0444\"}]}}"), "", nil), []string{
			`prod-api volume {"name":"db","secret":{"defaultMode":256,"items":[{"key":"host","mode":292,"path":"a/host"}],` +
				`"secretName":"prod-db"}}`,
			`prod-api/api {"name":"MODE","value":"fast"}`, `prod-api/api {"mountPath":"/etc/db","name":"db","readOnly":true}`,
			`prod-api/proxy {"mountPath":"/etc/db","name":"db","readOnly":true}`}},
		{"a volume twice", wiredOverlay(wiredStub("db",
			"{workload: {kind: Deployment, name: api}, containers: [api], volume: "+
				"{mountPath: /etc/a}}",
			"{workload: {kind: Deployment, name: api}, containers: [api], volume: {mountPath: /etc/b}}"), "", nil), []string{
			`prod-api volume {"name":"db","secret":{"secretName":"prod-db"}}`,
			`prod-api volume {"name":"db-2","secret":{"secretName":"prod-db"}}`,
			`prod-api/api {"name":"MODE","value":"fast"}`,
			`prod-api/api {"mountPath":"/etc/a","name":"db","readOnly":true}`,
			`prod-api/api {"mountPath":"/etc/b","name":"db-2","readOnly":true}`}},
	})
}

// Which of several workloads of a name a wire means.
func TestAWireMeansOneWorkload(t *testing.T) {
	testWires(t, []wiredCase{
		{"two overlays of one base", wiredBase(wiredStub("db", toAPI)).With(testfleet.Files{
			"apps/app/kustomization.yaml":   "resources: [a, b]\n",
			"apps/app/a/kustomization.yaml": "namePrefix: a-\nresources: [../../base]\n",
			"apps/app/b/kustomization.yaml": "namePrefix: b-\nresources: [../../base]\n"}), []string{
			`a-api/api {"name":"MODE","value":"fast"}`, `a-api/api {"secretRef":{"name":"a-db"}}`,
			`a-api/proxy {"secretRef":{"name":"a-db"}}`,
			`b-api/api {"name":"MODE","value":"fast"}`, `b-api/api {"secretRef":{"name":"b-db"}}`,
			`b-api/proxy {"secretRef":{"name":"b-db"}}`}},
		{"two overlays, and the Secret in one", testfleet.Files{
			"apps/base/kustomization.yaml": "resources: [api.yaml]\n", "apps/base/api.yaml": wiredAPI,
			"apps/app/kustomization.yaml":   "resources: [a, b]\n",
			"apps/app/a/kustomization.yaml": "namePrefix: a-\nresources: [../../base, db.yaml]\n",
			"apps/app/a/db.yaml":            wiredStub("db", toAPI),
			"apps/app/b/kustomization.yaml": "namePrefix: b-\nresources: [../../base]\n"}, []string{
			`a-api/api {"name":"MODE","value":"fast"}`, `a-api/api {"secretRef":{"name":"a-db"}}`,
			`a-api/proxy {"secretRef":{"name":"a-db"}}`,
			`b-api/api {"name":"MODE","value":"fast"}`, `b-api/api {"secretRef":{"name":"a-db"}}`,
			`b-api/proxy {"secretRef":{"name":"a-db"}}`}},
		{"each of two alike, beside its stub", testfleet.Files{
			"apps/app/kustomization.yaml":   "resources: [a, b]\n",
			"apps/app/a/kustomization.yaml": "namePrefix: a-\nresources: [api.yaml, db.yaml]\n",
			"apps/app/a/api.yaml":           wiredAPI, "apps/app/a/db.yaml": wiredStub("db",
				"{workload: {kind: Deployment, name: api}, containers: [api], env: {}}"),
			"apps/app/b/kustomization.yaml": "namePrefix: b-\nresources: [api.yaml, db.yaml]\n",
			"apps/app/b/api.yaml":           wiredAPI, "apps/app/b/db.yaml": wiredStub("db",
				"{workload: {kind: Deployment, name: api}, containers: [proxy], env: {}}")}, []string{
			`a-api/api {"name":"MODE","value":"fast"}`, `a-api/api {"secretRef":{"name":"a-db"}}`,
			`b-api/api {"name":"MODE","value":"fast"}`, `b-api/proxy {"secretRef":{"name":"b-db"}}`}},
	})
}

// Every kind of workload, and one that nobody here knows.
func TestEveryKindOfWorkloadIsWired(t *testing.T) {
	const pod = "{metadata: {labels: {app: x}}, spec: {restartPolicy: Never, containers: [{name: x, image: 'x:1'}]}}"
	for kind, object := range map[string]string{
		"Deployment":  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {template: " + pod + "}\n",
		"StatefulSet": "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: w}\nspec: {template: " + pod + "}\n",
		"DaemonSet":   "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: w}\nspec: {template: " + pod + "}\n",
		"ReplicaSet":  "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: w}\nspec: {template: " + pod + "}\n",
		"Job":         "apiVersion: batch/v1\nkind: Job\nmetadata: {name: w}\nspec: {template: " + pod + "}\n",
		"CronJob": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: w}\nspec: {schedule: '1 1 1 1 1', " +
			"jobTemplate: {spec: {template: " + pod + "}}}\n",
		"Pod": "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec: {containers: [{name: x, image: 'x:1'}]}\n",
		"Rollout": "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: w}\nspec: {template: " + pod +
			"}\n",
		"Pipeline": "apiVersion: example.com/v1\nkind: Pipeline\nmetadata: {name: w}\nspec: {steps: [{template: " +
			pod + "}, {template: " + pod + "}]}\n",
	} {
		t.Run(kind, func(t *testing.T) {
			b := build(t, testfleet.Files{"apps/app/w.yaml": object,
				"apps/app/db.yaml": wiredStub("db", "{workload: {kind: "+kind+", name: w}, env: {}}",
					"{workload: {kind: "+kind+", name: w}, volume: {mountPath: /etc/db}}")}, placement())
			for _, o := range b.Objects {
				if o.GetKind() != kind {
					continue
				}
				refs := workload.Reads(o.Object)
				if len(refs) != 1 || refs[0].Name != "db" || refs[0].Optional {
					t.Errorf("reads %v", refs)
				}
				text, err := json.Marshal(o.Object)
				if err != nil || strings.Count(string(text), `{"mountPath":"/etc/db","name":"db",`+
					`"readOnly":true}`) != strings.Count(string(text), `"image"`) {
					t.Errorf("%v: %s", err, text)
				}
			}
		})
	}
}

// unwired is a folder with a wire that is refused, and what the error says.
type unwired struct {
	name  string
	files testfleet.Files
	words []string
}

func TestWhatCannotBeWiredIsRefusedWithBothPlaces(t *testing.T) {
	api := func(old, now string) string { return strings.Replace(wiredAPI, old, now, 1) }
	folder := func(workload string, entries ...string) testfleet.Files {
		return testfleet.Files{"apps/app/api.yaml": workload, "apps/app/db.yaml": wiredStub("db", entries...)}
	}
	for _, test := range []unwired{
		{"an unknown workload", folder(wiredAPI, "{workload: {kind: Deployment, name: web}, env: {}}"),
			[]string{"apps/app/db.yaml:", "Deployment web is in no file that this build reads", "Deployment api"}},
		{"another kind of that name", folder(wiredAPI, "{workload: {kind: StatefulSet, name: api}, env: {}}"),
			[]string{"StatefulSet api is in no file"}},
		{"a workload by its built name", testfleet.Files{"apps/app/kustomization.yaml": "namePrefix: x-\nresources: " +
			"[api.yaml, db.yaml]\n", "apps/app/api.yaml": wiredAPI,
			"apps/app/db.yaml": wiredStub("db", "{workload: {kind: Deployment, name: x-api}, env: {}}")},
			[]string{"before namePrefix"}},
		{"a workload of another application", folder(wiredAPI,
			"{workload: {kind: Deployment, name: other}, env: "+
				"{}}").With(testfleet.Files{"apps/other/api.yaml": api("{name: api}", "{name: other}")}),
			[]string{"Deployment other is in no file"}},
		{"a workload of another namespace", folder(api("{name: api}", "{name: api, namespace: app}"),
			toAPI).With(testfleet.Files{
			"apps/app/db.yaml": strings.Replace(wiredStub("db", toAPI), "name: db\n", "name: db\n  namespace: other\n", 1)}),
			[]string{`apps/app/api.yaml:1 is in namespace "app", and the stub in "other"`}},
		{"what has no pods", folder("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: api}\ndata: {a: b}\n",
			"{workload: {kind: ConfigMap, name: api}, env: {}}"), []string{"apps/app/api.yaml:1 has no pod template"}},
		{"two alike", folder(wiredAPI, toAPI).With(testfleet.Files{"apps/app/api2.yaml": api("{name: api}",
			"{name: api, namespace: app}")}), []string{"apps/app/api.yaml:1 and in apps/app/api2.yaml:1"}},
		{"an unknown container", folder(wiredAPI, "{workload: {kind: Deployment, name: api}, containers: [web], env: {}}"),
			[]string{`has no container "web"`, "api, proxy, migrate"}},
		{"a variable that stands there", folder(api("MODE", "DB_PASSWORD"), keyToAPI), []string{"apps/app/db.yaml:13: ",
			`"DB_PASSWORD" already, from apps/app/api.yaml:15`}},
		{"one of all keys that stands there", folder(api("MODE", "password"), toAPI),
			[]string{`"password" already, from apps/app/api.yaml:15`, "or a prefix"}},
		{"all keys that are read already", folder(api("env:", "envFrom: [{secretRef: {name: db}}]\n        env:"), toAPI),
			[]string{`has all of Secret "db" already, at apps/app/api.yaml:14`}},
		{"a variable twice", folder(wiredAPI, keyToAPI, keyToAPI), []string{"apps/app/db.yaml:14: ",
			"already, from apps/app/db.yaml:13"}},
		{"a variable of two stubs", folder(wiredAPI, keyToAPI).With(testfleet.Files{"apps/app/more.yaml": wiredStub("more",
			keyToAPI)}), []string{"apps/app/more.yaml:13", "already, from apps/app/db.yaml:13"}},
		{"a variable that a value before it uses", folder(api("value: fast", "value: $(DB_PASSWORD)"), keyToAPI),
			[]string{"apps/app/api.yaml:15 uses $(DB_PASSWORD)"}},
		{"a mount that stands there", folder(api("env:", "volumeMounts: [{name: v, mountPath: /etc/db/}]\n        env:"),
			inAPI), []string{"mount at /etc/db already, from apps/app/api.yaml:14"}},
		{"a mount around", folder(api("env:", "volumeMounts: [{name: v, mountPath: /etc}]\n        env:"), inAPI),
			[]string{"mount at /etc already", "inside of the other"}},
		{"a mount over the token", folder(wiredAPI, "{workload: {kind: Deployment, name: api}, volume: {mountPath: "+
			"/var/run}}"), []string{"service account's token"}},
		{"a mount twice", folder(wiredAPI, inAPI, inAPI), []string{"apps/app/db.yaml:14: ",
			"already, from apps/app/db.yaml:13"}},
		{"a mount inside of another stub's", folder(wiredAPI,
			inAPI).With(testfleet.Files{"apps/app/more.yaml": wiredStub("more",
			"{workload: {kind: Deployment, name: api}, volume: {mountPath: /etc/db/more}}")}),
			[]string{"apps/app/more.yaml:13", "/etc/db already, from apps/app/db.yaml:13"}},
		{"a volume of that name", folder(api("initContainers:",
			"volumes: [{name: db, emptyDir: {}}]\n      initContainers:"), inAPI),
			[]string{`volume "db" already, from apps/app/api.yaml:9`}},
		{"a list that is none", folder(api("env:\n        - {name: MODE, value: fast}", "envFrom: {a: b}"), toAPI),
			[]string{"envFrom of Deployment api at apps/app/api.yaml:12 is not a list"}},
		{"bulla's own mark", folder(api("{name: api}", "{name: api, annotations: {bulla.dev/wired: x}}"), toAPI),
			[]string{"bulla's own"}},
	} {
		t.Run(test.name, func(t *testing.T) { buildError(t, test.files, placement(), test.words...) })
	}
}

// What is wired is looked for again in what was built.
func TestAPatchThatUndoesAWireIsRefusedWithBothPlaces(t *testing.T) {
	overlay := func(entry, kustomization string, more testfleet.Files) testfleet.Files {
		return testfleet.Files{
			"apps/base/kustomization.yaml": "resources: [api.yaml, db.yaml]\n", "apps/base/api.yaml": wiredAPI,
			"apps/base/db.yaml":           wiredStub("db", entry),
			"apps/app/kustomization.yaml": "resources: [../base]\n" + kustomization}.With(more)
	}
	patch := func(containers string) testfleet.Files {
		return testfleet.Files{"apps/app/more.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " +
			"api}\nspec:\n  template:\n    spec:\n      containers:\n" + containers}
	}
	const more = "patches: [{path: more.yaml}]\n"
	for _, test := range []unwired{
		{"a patch that writes over a variable", overlay(keyToAPI, more,
			patch("      - name: api\n        env:\n        - {name: DB_PASSWORD, value: open}\n")),
			[]string{"apps/base/db.yaml:13: ", "variable DB_PASSWORD of container \"api\"", "apps/app/more.yaml:10"}},
		{"a patch that replaces envFrom", overlay(toAPI, more,
			patch("      - name: api\n        envFrom:\n        - configMapRef: {name: c}\n")),
			[]string{"envFrom of container \"api\"", "apps/app/more.yaml:9"}},
		{"a patch that adds a variable of all keys", overlay(toAPI, more,
			patch("      - name: api\n        env:\n        - {name: password, value: open}\n")),
			[]string{"variable password", "apps/app/more.yaml:10"}},
		{"a patch that mounts inside", overlay(inAPI, more,
			patch("      - name: api\n        volumeMounts:\n        - {name: v, mountPath: /etc/db/x}\n")),
			[]string{"gets a mount at /etc/db/x too", "apps/app/more.yaml:10"}},
		{"a patch that points the volume elsewhere", overlay(inAPI,
			jsonPatch("{op: replace, path: /spec/template/spec/volumes/0/secret/secretName, value: other}"), nil),
			[]string{"volume db of container"}},
		{"a patch that takes the containers out", overlay(toAPI,
			jsonPatch("{op: replace, path: /spec/template/spec/containers, value: [{name: other, image: x}]}"), nil),
			[]string{"none of the wired containers"}},
		{"a patch that deletes the workload", overlay(toAPI, more,
			testfleet.Files{"apps/app/more.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\n$patch: " +
				"delete\n"}), []string{"is wired and not in what is built"}},
		{"a patch that deletes the Secret", overlay(toAPI, more,
			testfleet.Files{"apps/app/more.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n$patch: delete\n"}),
			[]string{"Secret db is taken out of this build"}},
		{"a Secret that goes to another namespace", testfleet.Files{
			"apps/app/kustomization.yaml":   "resources: [a, b]\n",
			"apps/app/a/kustomization.yaml": "namespace: a\nresources: [api.yaml]\n", "apps/app/a/api.yaml": wiredAPI,
			"apps/app/b/kustomization.yaml": "namespace: b\nresources: [db.yaml]\n", "apps/app/b/db.yaml": wiredStub("db",
				toAPI)}, []string{`built in namespace "a", and Secret db in another`}},
	} {
		t.Run(test.name, func(t *testing.T) { buildError(t, test.files, placement(), test.words...) })
	}
}

// The file of a wired workload is written anew for kustomize: it must say the same.
func TestWiringChangesNothingElse(t *testing.T) {
	hard := `# head
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c} # foot
data:
  literal: |2+
      indented

    less
    # no comment

  folded: >-
    one
    two

      three
  quoted: "tab\tline\nnul \u0041"
  single: 'it''s'
  yes: "yes"
  date: "2026-11-01"
  long: ` + "'" + strings.Repeat("word ", 60) + `'
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: &m
    name: api
    annotations: {octal: "0644", on: 'on'}
  spec:
    replicas: 0x2
    selector: {matchLabels: &l {app: api}}
    template:
      metadata: {labels: *l}
      spec:
        terminationGracePeriodSeconds: 1_0
        containers:
        - &c
          name: api
          image: api:1
          args: [yes, 1e3, 0644, ~, 2026-11-01, "", " x ", "a: b", '- c']
          env: &e [{name: MODE, value: "1"}]
        - <<: *c
          name: proxy
        - name: third
          image: x
          env: *e
`
	stub := func(entries ...string) testfleet.Files {
		return testfleet.Files{"apps/app/api.yaml": hard, "apps/app/db.yaml": wiredStub("db", entries...)}
	}
	wired := build(t, stub("{workload: {kind: Deployment, name: api}, containers: [api], env: {}}"), placement())
	want := build(t, testfleet.Files{"apps/app/api.yaml": hard, "apps/app/db.yaml": testfleet.Stub("db",
		"data: {host: ZGI=}")}, placement())
	if diff := cmp.Diff([]string{`api/api {"name":"MODE","value":"1"}`, `api/api {"secretRef":{"name":"db"}}`,
		`api/proxy {"name":"MODE","value":"1"}`,
		`api/third {"name":"MODE","value":"1"}`}, wires(t, wired, "Deployment")); diff != "" {
		t.Error(diff)
	}
	for i, o := range wired.Objects {
		if o.GetKind() == "Deployment" {
			pod := o.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
			delete(pod["containers"].([]any)[0].(map[string]any), "envFrom")
		}
		if diff := cmp.Diff(want.Objects[i].Object, o.Object); diff != "" {
			t.Errorf("%s (-unwired +wired):\n%s", o.ID(), diff)
		}
	}
}
