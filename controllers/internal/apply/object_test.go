package apply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

var owner = Owner{Fleet: "fleet", Placement: "shop"}

func manifest(t *testing.T, text string) kustomize.Object {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return kustomize.Object{Unstructured: u}
}

func sealed(t *testing.T, name string, fields ...string) kustomize.Object {
	t.Helper()
	o := manifest(t, "{apiVersion: v1, kind: Secret, metadata: {name: "+name+", namespace: ns}, type: Opaque}")
	o.Stub = &kustomize.Stub{Digest: "sha256:stub", Manifest: &api.SealedManifest{
		Spec: api.SealedManifestSpec{Blocks: []api.Block{{Fields: fields, Payload: name}}},
	}}
	return o
}

func prepare(t *testing.T, built ...kustomize.Object) map[string]Object {
	t.Helper()
	objects, err := Prepare(owner, built, func(s *kustomize.Stub) (string, error) {
		return "sha256:content-of-" + s.Manifest.Spec.Blocks[0].Payload, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Object{}
	for _, o := range objects {
		byName[o.ID.Kind+"/"+o.ID.Name] = o
	}
	return byName
}

const podSpec = `
      containers:
      - {name: a, env: [{name: X, valueFrom: {secretKeyRef: {name: by-env, key: x}}}]}
      - {name: b, envFrom: [{configMapRef: {name: by-env-from}}, {secretRef: {name: by-env-from}}]}
      initContainers:
      - {name: c, envFrom: [{secretRef: {name: by-init}}]}
      volumes:
      - {name: v, secret: {secretName: by-volume}}
      - {name: p, projected: {sources: [{configMap: {name: c}}, {secret: {name: by-projection}}]}}
      - {name: n, configMap: {name: not-read}}`

func TestAPodTemplateCarriesTheContentDigestOfEverySecretItReads(t *testing.T) {
	names := []string{"by-env", "by-env-from", "by-init", "by-volume", "by-projection", "not-read"}
	tests := map[string]struct {
		text string
		path []string
		want []string
	}{
		"a Deployment": {
			text: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, namespace: ns}\nspec:\n  template:\n    spec:" + podSpec,
			path: []string{"spec", "template", "metadata", "annotations"}, want: names[:5],
		},
		"a custom kind with a pod template": {
			text: "apiVersion: example.com/v1\nkind: Rollout\nmetadata: {name: w, namespace: ns}\nspec:\n  template:\n    spec:" + podSpec,
			path: []string{"spec", "template", "metadata", "annotations"}, want: names[:5],
		},
		"a CronJob": {
			text: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: w, namespace: ns}\nspec:\n  jobTemplate:\n   spec:\n    template:\n     spec:" + podSpec,
			path: []string{"spec", "jobTemplate", "spec", "template", "metadata", "annotations"}, want: names[:5],
		},
		"a Job, whose template is immutable": {
			text: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: w, namespace: ns}\nspec:\n  template:\n    spec:" + podSpec,
			path: []string{"spec", "template", "metadata", "annotations"},
		},
		"a Deployment in another namespace": {
			text: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, namespace: other}\nspec:\n  template:\n    spec:" + podSpec,
			path: []string{"spec", "template", "metadata", "annotations"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			workload := manifest(t, test.text)
			built := []kustomize.Object{workload}
			for _, name := range names {
				built = append(built, sealed(t, name, "/data/x"))
			}
			before := workload.DeepCopy()
			var prepared Object
			for _, o := range prepare(t, built...) {
				if o.ID.Name == "w" {
					prepared = o
				}
			}
			var want map[string]string
			for _, name := range test.want {
				if want == nil {
					want = map[string]string{}
				}
				want["bulla.dev/content-"+name] = "sha256:content-of-" + name
			}
			got, _, err := unstructured.NestedStringMap(prepared.Manifest.Object, test.path...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before.Object, workload.Object); diff != "" {
				t.Errorf("the build, which is shared, was changed:\n%s", diff)
			}
		})
	}
}

func TestALongSecretNameGivesAValidAnnotationOfItsOwn(t *testing.T) {
	a, b := ContentKey(strings.Repeat("a", 200)+"1"), ContentKey(strings.Repeat("a", 200)+"2")
	if a == b {
		t.Error("two names give one annotation")
	}
	for _, key := range []string{a, b, ContentKey("db")} {
		if _, name, _ := strings.Cut(key, "/"); len(name) > 63 {
			t.Errorf("%q has %d characters after the slash", key, len(name))
		}
	}
}

func TestTheHashSeesEverythingThatIsSent(t *testing.T) {
	base := "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ns}, data: {x: '1'}}"
	first := prepare(t, manifest(t, base))["ConfigMap/a"]
	if again := prepare(t, manifest(t, base))["ConfigMap/a"]; again.Hash != first.Hash {
		t.Error("the same object has another hash")
	}
	for what, text := range map[string]string{
		"a value":    strings.Replace(base, "'1'", "'2'", 1),
		"a label":    strings.Replace(base, "namespace: ns", "namespace: ns, labels: {a: b}", 1),
		"a version":  strings.Replace(base, "apiVersion: v1", "apiVersion: v2", 1),
		"a new list": strings.Replace(base, "data:", "binaryData: {y: aGk=}, data:", 1),
	} {
		if other := prepare(t, manifest(t, text))["ConfigMap/a"]; other.Hash == first.Hash {
			t.Errorf("%s changed and the hash did not", what)
		}
	}
}

func TestASecretIsBuiltFromTemplateAndValuesOrNotAtAll(t *testing.T) {
	const good = "aHVudGVyMg=="
	tests := map[string]struct {
		template string
		fields   []string
		values   map[string]string
		problem  string // "" for a Secret
	}{
		"a value":                         {fields: []string{"/data/p"}, values: map[string]string{"/data/p": good}},
		"an empty value":                  {fields: []string{"/data/p"}, values: map[string]string{"/data/p": ""}},
		"public data beside it":           {template: "data: {user: YWRtaW4=}", fields: []string{"/data/p"}, values: map[string]string{"/data/p": good}},
		"a value that is not base64":      {fields: []string{"/data/p"}, values: map[string]string{"/data/p": "hunter2!"}, problem: "not base64"},
		"a missing value":                 {fields: []string{"/data/p", "/data/q"}, values: map[string]string{"/data/p": good}, problem: "/data/q: has no value"},
		"a value too many":                {fields: []string{"/data/p"}, values: map[string]string{"/data/p": good, "/data/q": good}, problem: "has keys beside"},
		"a value outside data":            {fields: []string{"/data/p"}, values: map[string]string{"/stringData/p": good}, problem: "not /data/KEY"},
		"a value below a key":             {fields: []string{"/data/p"}, values: map[string]string{"/data/p/q": good}, problem: "not /data/KEY"},
		"a key that a Secret cannot have": {fields: []string{"/data/p"}, values: map[string]string{"/data/p q": good}, problem: "not /data/KEY"},
		"a field in template and stub":    {template: "data: {p: YWRtaW4=}", fields: []string{"/data/p"}, values: map[string]string{"/data/p": good}, problem: "both in the template and sealed"},
		"public data that is not base64":  {template: "data: {user: '!'}", fields: []string{"/data/p"}, values: map[string]string{"/data/p": good}, problem: "/data/user: not base64"},
		"public data that is not a map":   {template: "data: [1]", fields: []string{"/data/p"}, values: map[string]string{"/data/p": good}, problem: "not a map of strings"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			built := sealed(t, "db", test.fields...)
			if test.template != "" {
				extra := manifest(t, test.template)
				built.Object["data"] = extra.Object["data"]
			}
			o := prepare(t, built)["Secret/db"]
			secret, err := BuildSecret(o, test.values)
			if test.problem == "" {
				if err != nil {
					t.Fatal(err)
				}
				if len(secret.Data) != len(o.Keys) || *secret.Name != "db" || secret.Labels[v1alpha1.OwnerLabel] != "shop" {
					t.Errorf("got %d keys and labels %v", len(secret.Data), secret.Labels)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Fatalf("got %v, want %q", err, test.problem)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), good) {
				t.Errorf("the error holds the value: %v", err)
			}
		})
	}
}

// TestWhatGoesCountsAsAppliedWhereItDid: an apply that met the object on its way out leaves no
// hash, unless the very object had it before.
func TestWhatGoesCountsAsAppliedWhereItDid(t *testing.T) {
	o := Object{ID: ID{Kind: "ConfigMap", Name: "a"}, Hash: "sha256:two",
		Manifest: manifest(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}").Unstructured}
	going := v1alpha1.InventoryEntry{UID: "u"}
	for name, c := range map[string]struct {
		before v1alpha1.InventoryEntry
		want   string
	}{
		"it was so before":     {v1alpha1.InventoryEntry{UID: "u", Applied: "sha256:two"}, "sha256:two"},
		"it had another form":  {v1alpha1.InventoryEntry{UID: "u", Applied: "sha256:one"}, ""},
		"it was never applied": {v1alpha1.InventoryEntry{UID: "u"}, ""},
		"it is another":        {v1alpha1.InventoryEntry{UID: "v", Applied: "sha256:two"}, ""},
	} {
		if got := o.keeping(c.before, going).Applied; got != c.want {
			t.Errorf("%s: applied %q, want %q", name, got, c.want)
		}
	}
}
