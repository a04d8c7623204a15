package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
)

func parsed(t testing.TB, text string) *yaml.Node {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil || len(node.Content) != 1 {
		t.Skip("not one document")
	}
	return node.Content[0]
}

func asJSON(t testing.TB, node *yaml.Node) map[string]any {
	t.Helper()
	var value, object map[string]any
	if node.Decode(&value) != nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil || json.Unmarshal(text, &object) != nil {
		return nil
	}
	return object
}

// ways is a stub that is wired in every way into Deployment api.
func ways() []Stub {
	to := api.WorkloadReference{Kind: "Deployment", Name: "api"}
	return []Stub{{
		File: "db.yaml", Digest: "sha256:00", Name: "db", Keys: []string{"host", "password"},
		Deliveries: []Delivery{
			{Line: 3, DeliverAs: api.DeliverAs{Workload: to, Env: &api.DeliverEnv{}}},
			{Line: 4, DeliverAs: api.DeliverAs{Workload: to, Env: &api.DeliverEnv{Keys: map[string]string{"host": "DB_HOST"},
				Optional: true}}},
			{Line: 5, DeliverAs: api.DeliverAs{Workload: to, Volume: &api.DeliverVolume{MountPath: "/etc/db",
				DefaultMode: "0400",
				Items:       []api.DeliverItem{{Key: "host", Path: "host", Mode: "0444"}}}}},
		},
	}}
}

const deployment = "{kind: Deployment, metadata: {name: api}, spec: {template: {spec: {containers: [{name: a, image: " +
	"a}]}}}}"

func secretOf(name, digest string) map[string]any {
	return map[string]any{"kind": "Secret", "metadata": map[string]any{"name": name,
		"annotations": map[string]any{api.StubAnnotation: digest}}}
}

func TestWhatIsWrittenIsFoundAgain(t *testing.T) {
	document := parsed(t, deployment)
	wiring, problems := Apply(ways(), []Document{{File: "api.yaml", Node: document}})
	if len(problems) > 0 {
		t.Fatal(problems[0].Text)
	}
	object := asJSON(t, document)
	secret := secretOf("db", "sha256:00")
	if problems := wiring.Check([]map[string]any{object, secret}); len(problems) > 0 {
		t.Errorf("not found: %s", problems[0].Text)
	}
	for name, objects := range map[string][]map[string]any{
		"the Secret is another":     {object, secretOf("db", "sha256:01")},
		"the Secret is renamed":     {object, secretOf("x-db", "sha256:00")},
		"the workload is not there": {secret},
	} {
		if problems := wiring.Check(objects); len(problems) == 0 {
			t.Errorf("%s: nothing is said", name)
		}
	}
}

func TestAnEntryWithoutItsWorkloadChangesNothing(t *testing.T) {
	other := strings.Replace(deployment, "name: api", "name: other", 1)
	document := parsed(t, other)
	_, problems := Apply(ways(), []Document{{File: "api.yaml", Node: document}})
	if len(problems) != 3 || problems[1].File != "db.yaml" || problems[1].Line != 4 {
		t.Errorf("problems %v", problems)
	}
	if diff := cmp.Diff(asJSON(t, parsed(t, other)), asJSON(t, document)); diff != "" {
		t.Error(diff)
	}
}

func TestVolumesHaveNamesThatKubernetesTakes(t *testing.T) {
	seen := map[string]bool{}
	for _, secret := range []string{"db", "a.b", "a-b", strings.Repeat("a", 63), strings.Repeat("a", 64),
		strings.Repeat("a", 253), strings.Repeat("a", 53) + ".b"} {
		name := volumeName(secret)
		if len(name) > 63 || strings.Contains(name, ".") || strings.HasSuffix(name, "-") || seen[name] {
			t.Errorf("%s: volume %s", secret, name)
		}
		seen[name] = true
	}
}

// FuzzApply: whatever a document holds, wiring it neither panics nor changes it
// where it is not wired; and what is wired is found.
func FuzzApply(f *testing.F) {
	f.Add(deployment)
	f.Add("{kind: Deployment, metadata: {name: api, annotations: null}, spec: {template: {spec: {volumes: null, " +
		"containers: [{name: a, env: null, envFrom: []}]}}}}")
	f.Add("kind: Deployment\nmetadata: {name: api}\nspec: &s\n  template: {spec: {containers: [&c {name: a, env: &e " +
		"[{name: X, value: $(Y)}]}, {<<: *c, name: b}], initContainers: [{name: i, env: *e}]}}\n")
	f.Add("{kind: Deployment, metadata: {name: api}, spec: {template: {spec: {volumes: [{name: db}], containers: " +
		"[{name: a, volumeMounts: [{mountPath: /etc}]}]}}}}")
	f.Add("{kind: Deployment, metadata: [], spec: {template: {spec: {containers: [{name: api, env: {}}, 7, null, [x]]}}}}")
	f.Add("{kind: Deployment, metadata: {name: api, annotations: []}, spec: {x: [{spec: {containers: [{name: a}]}}, " +
		"{spec: {containers: [{name: a}]}}]}}")
	f.Fuzz(func(t *testing.T, text string) {
		document := parsed(t, text)
		if document.Kind != yaml.MappingNode {
			t.Skip()
		}
		wiring, problems := Apply(ways(), []Document{{File: "api.yaml", Node: document}})
		if len(problems) > 0 {
			return
		}
		object := asJSON(t, document)
		if object == nil {
			t.Skip("kustomize refuses it")
		}
		if problems := wiring.Check([]map[string]any{object, secretOf("db", "sha256:00")}); len(problems) > 0 {
			t.Errorf("wired and not found: %s", problems[0].Text)
		}
	})
}
