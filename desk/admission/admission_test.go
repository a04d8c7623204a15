package admission

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func object(kind string, metadata map[string]any, more map[string]any) Object {
	content := map[string]any{
		"apiVersion": "v1",
		"kind":       kind,
		"metadata":   map[string]any{"name": "x", "namespace": "y"},
	}
	for key, value := range metadata {
		content["metadata"].(map[string]any)[key] = value
	}
	for key, value := range more {
		content[key] = value
	}
	return Object{Content: content}
}

func sealed(kind string, fields ...string) Object {
	o := object("Secret", nil, map[string]any{"type": kind})
	for _, field := range fields {
		o.Blocks = append(o.Blocks, api.Block{Fields: []string{"/data/" + field}})
	}
	return o
}

// refusal is an object, and what an API server says of it: "" for nothing, ~ for a
// warning. Each is refused by a real one, or is read by nobody.
type refusal struct {
	o    Object
	want string
}

func annotated(o Object, annotations map[string]any) Object {
	o.Content["metadata"].(map[string]any)["annotations"] = annotations
	return o
}

func (c refusal) check(t *testing.T, name string) {
	t.Helper()
	problems := Check(c.o)
	switch {
	case c.want == "" && len(problems) > 0:
		t.Errorf("%s: %v", name, problems)
	case c.want == "~" && (len(problems) != 1 || !problems[0].Warning):
		t.Errorf("%s: %v, not a warning", name, problems)
	case c.want != "" && c.want != "~" &&
		(len(problems) == 0 || problems[0].Warning || !strings.HasPrefix(problems[0].String(), c.want)):
		t.Errorf("%s: %v, not %q", name, problems, c.want)
	}
}

func TestASecretHasWhatItsTypeNeeds(t *testing.T) {
	for name, c := range map[string]refusal{
		"a whole TLS pair": {sealed("kubernetes.io/tls", "tls.crt", "tls.key"), ""},
		"no key":           {sealed("kubernetes.io/tls", "tls.crt"), "type: kubernetes.io/tls needs tls.key"},
		"other names": {
			sealed("kubernetes.io/tls", "cert.pem", "key.pem"),
			"type: kubernetes.io/tls needs tls.crt and tls.key",
		},
		"docker": {
			sealed("kubernetes.io/dockerconfigjson", "config.json"),
			"type: kubernetes.io/dockerconfigjson needs .dockerconfigjson",
		},
		"old docker": {
			sealed("kubernetes.io/dockercfg", ".dockerconfigjson"),
			"type: kubernetes.io/dockercfg needs .dockercfg",
		},
		"one of two": {sealed("kubernetes.io/basic-auth", "password"), ""},
		"none of two": {
			sealed("kubernetes.io/basic-auth", "user"),
			"type: kubernetes.io/basic-auth needs username or password",
		},
		"ssh": {
			sealed("kubernetes.io/ssh-auth", "id_ed25519"),
			"type: kubernetes.io/ssh-auth needs ssh-privatekey",
		},
		"bootstrap": {
			sealed("bootstrap.kubernetes.io/token", "token-id"),
			"type: bootstrap.kubernetes.io/token needs token-secret",
		},
		"a token of nobody": {
			sealed("kubernetes.io/service-account-token", "extra"),
			"metadata.annotations: kubernetes.io/service-account-token needs the annotation kubernetes.io/service-account.name",
		},
		"a token of somebody": {
			annotated(sealed("kubernetes.io/service-account-token", "x"),
				map[string]any{"kubernetes.io/service-account.name": "a"}), "",
		},
		"a public key of a pair": {
			object("Secret", nil,
				map[string]any{"type": "kubernetes.io/tls", "data": map[string]any{"tls.crt": "eA==", "tls.key": "eA=="}}), "",
		},
		"a Secret without a stub": {
			object("Secret", nil, map[string]any{"type": "kubernetes.io/tls"}),
			"type: kubernetes.io/tls needs tls.crt and tls.key",
		},
	} {
		c.check(t, name)
	}
}

func TestATypeIsOneThatKubernetesKnows(t *testing.T) {
	for name, c := range map[string]refusal{
		"a misspelt type": {
			sealed("kubernetes.io/dockerconfigjason", "x"),
			`type: "kubernetes.io/dockerconfigjason" is no type that Kubernetes knows; ` +
				`did you mean kubernetes.io/dockerconfigjson?`,
		},
		"a short type": {
			sealed("tls", "x"),
			`type: "tls" is no type that Kubernetes knows; did you mean kubernetes.io/tls?`,
		},
		"kubectl's word": {
			sealed("docker-registry", "x"),
			`type: "docker-registry" is no type that Kubernetes knows; did you mean kubernetes.io/dockerconfigjson?`,
		},
		"a type in lower case": {
			sealed("opaque", "x"),
			`type: "opaque" is no type that Kubernetes knows; did you mean Opaque?`,
		},
		"a reserved type":     {sealed("kubernetes.io/something-else-entirely", "x"), "~"},
		"somebody's own type": {sealed("helm.sh/release.v1", "x"), ""},
		"another own type":    {sealed("example.com/tls", "x"), ""},
	} {
		c.check(t, name)
	}
}

func TestNamesAndSizesAreThoseOfKubernetes(t *testing.T) {
	for name, c := range map[string]refusal{
		"a key of no Secret": {
			object("ConfigMap", nil, map[string]any{"data": map[string]any{"a b": "c"}}),
			"data.a b: ",
		},
		"a label that is none": {
			object("ConfigMap", map[string]any{"labels": map[string]any{"a": "no spaces"}}, nil),
			"metadata.labels: ",
		},
		"an annotation's key": {
			object("ConfigMap", map[string]any{"annotations": map[string]any{"a b": "c"}}, nil),
			"metadata.annotations: ",
		},
		"long annotations": {
			annotated(sealed("Opaque", "x"),
				map[string]any{"a": strings.Repeat("x", 200<<10), "b": strings.Repeat("y", 60<<10)}),
			"metadata.annotations: all annotations together are longer than 256 KiB",
		},
		"a name in upper case":    {object("ConfigMap", map[string]any{"name": "Upper"}, nil), "metadata.name: "},
		"a Service's dotted name": {object("Service", map[string]any{"name": "a.b"}, nil), "metadata.name: "},
		"a Secret's dotted name":  {annotated(sealed("Opaque", "x"), nil), ""},
		"a ConfigMap over 1 MiB": {
			object("ConfigMap", nil, map[string]any{"data": map[string]any{"a": strings.Repeat("x", 1<<20+1)}}),
			"data: holds 1048577 bytes",
		},
		"a finalizer that is none": {
			object("ConfigMap", map[string]any{"finalizers": []any{"a b"}}, nil),
			"metadata.finalizers: ",
		},
	} {
		c.check(t, name)
	}
}

// TestValuesAreLookedAtAndNeverShown: what only a value shows is told when it is
// sealed, by its kind.
func TestValuesAreLookedAtAndNeverShown(t *testing.T) {
	const docker = corev1.SecretTypeDockerConfigJson
	for name, c := range map[string]struct {
		kind       corev1.SecretType
		key, value string
		want       string // "" none, "!" refused, "~" warning, "?" placeholder
	}{
		"JSON":             {docker, ".dockerconfigjson", `{"auths":{"s3cret":{}}}`, ""},
		"half of it":       {docker, ".dockerconfigjson", `{"auths":{"s3cret":`, "!"},
		"a list":           {docker, ".dockerconfigjson", `["s3cret"]`, "!"},
		"encoded twice":    {docker, ".dockerconfigjson", "eyJhdXRocyI6eyJzM2NyZXQiOnt9fX0=", "!"},
		"encoded in lines": {docker, ".dockerconfigjson", "eyJhdXRocyI6\neyJzM2NyZXQiOnt9fX0=\n", "!"},
		"no auths":         {docker, ".dockerconfigjson", `{"s3cret":{}}`, "~"},
		"another key":      {docker, "extra", "s3cret", ""},
		"old docker":       {corev1.SecretTypeDockercfg, ".dockercfg", "s3cret", "!"},
		"encoded PEM": {
			corev1.SecretTypeTLS, "tls.crt",
			"LS0tLS1CRUdJTiBYLS0tLS0KczNjcmV0Ci0tLS0tRU5EIFgtLS0tLQo=", "~",
		},
		"argocd-vault-plugin":     {"", "a", "<path:secret/data/s3cret#password>", "?"},
		"the same, encoded":       {"", "a", "PHBhdGg6c2VjcmV0L2RhdGEvczNjcmV0I3Bhc3N3b3JkPg==", "?"},
		"SOPS":                    {"", "a", "ENC[AES256_GCM,data:s3cret,iv:x,tag:y,type:str]", "?"},
		"vals":                    {"", "a", "ref+vault://s3cret/x#/y", "?"},
		"Vault webhook":           {"", "a", "vault:secret/data/s3cret#PASSWORD", "?"},
		"the same without a key":  {"", "a", "vault:secret/data/s3cret", "?"},
		"vals, without slashes":   {"", "a", "ref+s3cret:x#/y", "?"},
		"AWS KMS":                 {"", "a", "AQICAHh" + strings.Repeat("s3cret", 20) + "==", "?"},
		"berglas":                 {"", "a", "sm://project/s3cret", "?"},
		"Spring":                  {"", "a", "{cipher}s3cret", "?"},
		"a file of age":           {"", "a", "-----BEGIN AGE ENCRYPTED FILE-----\ns3cret\n", "~"},
		"between percent signs":   {"", "a", "%%s3cret%%", "~"},
		"a percent sign":          {"", "a", "%s3cret%%", ""},
		"a word and a colon":      {"", "a", "vault:s3cret", ""},
		"a short AQICAH":          {"", "a", "AQICAHs3cret", ""},
		"Ansible":                 {"", "a", "$ANSIBLE_VAULT;1.1;AES256\ns3cret", "?"},
		"envsubst":                {"", "a", "${S3CRET}", "~"},
		"envsubst with a default": {"", "a", "${S3CRET:-s3cret}", "~"},
		"a shell":                 {"", "a", "$(S3CRET)", "~"},
		"a template":              {"", "a", "{{ .Values.s3cret }}", "~"},
		"from a manual":           {"", "a", "CHANGEME", "~"},
		"a password":              {"", "a", "s3cret$with{odd}<things>", ""},
		"random base64":           {"", "a", "q83vEjRWeJCrze8SNFZ4kA==", ""},
		"a URL":                   {"", "a", "postgres://u:s3cret@db/x", ""},
	} {
		problems := Values(c.kind, map[string][]byte{c.key: []byte(c.value)})
		got := ""
		for _, p := range problems {
			switch {
			case p.Placeholder && !p.Warning:
				got += "?"
			case p.Warning:
				got += "~"
			default:
				got += "!"
			}
			if strings.Contains(strings.ToLower(p.String()), "s3cret") {
				t.Errorf("%s: shows the value: %s", name, p)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, not %q: %v", name, got, c.want, problems)
		}
	}
}

// TestTheSizeOfASecretIsToldFromItsPayloads: values that are sealed one by one
// count together, within the two bytes each that padding hides.
func TestTheSizeOfASecretIsToldFromItsPayloads(t *testing.T) {
	for _, lengths := range [][]int{{0}, {1}, {2}, {3}, {100}, {65536}, {65537, 10}, {200_000, 1, 0}} {
		block := blockOf(t, lengths)
		total := 0
		for _, n := range lengths {
			total += n
		}
		if got := blockSize(block); got > total || got < total-2*len(lengths) {
			t.Errorf("values of %v bytes: %d", lengths, got)
		}
	}
}

func blockOf(t *testing.T, lengths []int) api.Block {
	t.Helper()
	key, err := softkey.Derive(api.SuiteP256, "test sealing key")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for i, n := range lengths {
		values[fmt.Sprintf("key-%d", i)] = string(make([]byte, n))
	}
	sealer := testfleet.Sealer{Fleet: "6f1c0000000000000000000000000001", Key: key.Record("2026-11-a")}
	stub, err := sealer.Seal(testfleet.Secret{
		Namespace: "y", Name: "x", Targets: []string{"set/all"}, Values: values, Together: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return stub.Spec.Blocks[0]
}

// TestAValueOfAWrongTypeIsNotShown: a PIN without quotes is a number to YAML.
func TestAValueOfAWrongTypeIsNotShown(t *testing.T) {
	for name, more := range map[string]map[string]any{
		"a number":          {"stringData": map[string]any{"pin": int64(918273645)}},
		"a fraction":        {"stringData": map[string]any{"pin": 918273645.5}},
		"encoded":           {"data": map[string]any{"pin": int64(918273645)}},
		"not encoded":       {"data": map[string]any{"pin": "918273645!"}},
		"the whole mapping": {"data": int64(918273645)},
		"in a list":         {"stringData": []any{int64(918273645)}},
	} {
		problems := Check(object("Secret", nil, more))
		if len(problems) == 0 {
			t.Errorf("%s: no problem", name)
		}
		for _, p := range problems {
			if strings.Contains(p.String(), "918273645") {
				t.Errorf("%s: shows the value: %s", name, p)
			}
		}
	}
}

// TestWorkloadsSelectTheirOwnPods: a patch that says null for a mapping leaves
// fields that are all in order, and an object that no API server takes.
func TestWorkloadsSelectTheirOwnPods(t *testing.T) {
	for spec, want := range map[string]string{
		`{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b","c":"d"}},` +
			`"spec":{"containers":[{"name":"x"}]}}}`: "",
		`{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"x"}},` +
			`"spec":{"containers":[{"name":"x"}]}}}`: "spec.selector: does not select its own pods: a=b, and " +
			"spec.template.metadata.labels has a=x; hint: give both the same labels",
		`{"selector":{"matchLabels":{"a":"b"}},"template":{"spec":{"containers":[{"name":"x"}]}}}`: "spec.selector: does " +
			"not select its own pods: ",
		`{"template":{"metadata":{"labels":{"a":"x"}},"spec":{"containers":[{"name":"x"}]}}}`: "spec.selector: names " +
			"no label; hint: ",
		`{"selector":{"matchLabels":{"a":"b"}},` +
			`"template":{"metadata":{"labels":{"a":"b"}}}}`: "spec.template.spec.containers: " +
			"there are none; hint: ",
		`{"selector":{"matchLabels":5},"template":{}}`: "spec.selector.matchLabels: ",
		`null`: "spec.template.spec.containers: there are none; hint: ",
	} {
		var object map[string]any
		if err := json.Unmarshal([]byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":`+spec+
			`}`), &object); err != nil {
			t.Fatal(err)
		}
		problems := Check(Object{Content: object})
		if len(problems) == 0 != (want == "") || want != "" && !strings.HasPrefix(problems[0].String(), want) {
			t.Errorf("%s: %v, not %q", spec, problems, want)
		}
	}
}
