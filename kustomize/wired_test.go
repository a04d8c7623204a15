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
