package kustomize

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/google/go-cmp/cmp"
)

func TestAWorkloadAndItsRenamedSecretMeet(t *testing.T) {
	namespaced := strings.Replace(testfleet.Stub("db"), "name: db", "name: db\n  namespace: app", 1)
	app := func(kustomization, db, api string) testfleet.Files {
		return testfleet.Files{"apps/app/kustomization.yaml": "resources: [db.yaml, api.yaml]\n" + kustomization,
			"apps/app/db.yaml": db, "apps/app/api.yaml": api}
	}
	err := buildError(t, app("namePrefix: demo-\n", namespaced, deployment), placement(),
		"apps/app/db.yaml: Deployment app/demo-api", `names Secret "db"`, `built as "demo-db"`,
		"take metadata.namespace out of the stub")
	if strings.Count(err.Problem, "names Secret") != 1 {
		t.Errorf("told more than once: %v", err)
	}
	buildError(t, app("nameSuffix: -x\n", testfleet.Stub("db"),
		strings.Replace(deployment, "{name: api}", "{name: api, namespace: app}", 1)), placement(),
		`names Secret "db"`, `built as "db-x"`)
	for name, f := range map[string]testfleet.Files{
		"no namespace anywhere": app("namePrefix: demo-\n", testfleet.Stub("db"), deployment),
		"one for all":           app("namePrefix: demo-\nnamespace: app\n", namespaced, deployment),
		"no rename":             app("", namespaced, deployment),
		"a reference of no need": app("namePrefix: demo-\n", namespaced,
			strings.Replace(deployment, "{name: db}", "{name: db, optional: true}", 1)),
		"another Secret is named": app("namePrefix: demo-\n", namespaced,
			strings.Replace(deployment, "{name: db}", "{name: other}", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(2, len(build(t, f, placement()).Objects)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
