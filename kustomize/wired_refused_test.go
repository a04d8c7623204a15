package kustomize

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

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
