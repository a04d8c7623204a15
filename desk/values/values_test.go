package values_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/desk/values"
)

// canary must never be in an error: it may be a value in the wrong place.
const canary = "s3cr3t/canary"

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestValuesComeFromLiteralsAndFiles(t *testing.T) {
	set := values.Set{}
	s := &values.Source{Stdin: strings.NewReader("from stdin")}
	path := file(t, "text\n")
	if err := s.Literals(set, []string{"a=b=c", "d.e_f-g=" + canary}); err != nil {
		t.Fatal(err)
	}
	if err := s.Files(set, []string{path, "key=" + path, "in=-"}); err != nil {
		t.Fatal(err)
	}
	want := values.Set{
		"a":        []byte("b=c"),
		"d.e_f-g":  []byte(canary),
		"file.txt": []byte("text\n"),
		"key":      []byte("text\n"),
		"in":       []byte("from stdin"),
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
}

func TestAnEnvFileIsReadAsKubectlReadsIt(t *testing.T) {
	set := values.Set{}
	text := "\uFEFF# a comment\n\n  A=1\r\nB=\"x y\"\nC=\nD=a=b # no comment\n"
	if err := (&values.Source{}).EnvFiles(set, []string{file(t, text)}); err != nil {
		t.Fatal(err)
	}
	want := values.Set{"A": []byte("1"), "B": []byte(`"x y"`), "C": {}, "D": []byte("a=b # no comment")}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
}

// TestNoErrorQuotesAValue: errors end in terminals, CI logs and tickets.
func TestNoErrorQuotesAValue(t *testing.T) {
	const head = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n"
	literal := func(args ...string) func(*values.Source, values.Set) error {
		return func(s *values.Source, set values.Set) error { return s.Literals(set, args) }
	}
	files := func(args ...string) func(*values.Source, values.Set) error {
		return func(s *values.Source, set values.Set) error { return s.Files(set, args) }
	}
	env := func(text string) func(*values.Source, values.Set) error {
		return func(s *values.Source, set values.Set) error { return s.EnvFiles(set, []string{file(t, text)}) }
	}
	secret := func(text string) func(*values.Source, values.Set) error {
		return func(s *values.Source, set values.Set) error { _, err := s.Secret(set, file(t, text)); return err }
	}
	for name, read := range map[string]func(*values.Source, values.Set) error{
		"no =": literal(canary), "swapped around": literal(canary + "=key"), "twice": literal("a="+canary, "a="+canary),
		"empty":              literal("a="),
		"a value for a path": files("a=" + canary), "a value for a file": files(canary), "stdin without a key": files("-"),
		"stdin twice": files("a=-", "b=-"), "a folder": files("a=" + t.TempDir()),
		"too large": files("a=" + file(t, strings.Repeat("x", 2<<20+1))), "no = in a line": env("A=1\n" + canary + "\n"),
		"a shell script": env("export A=" + canary + "\n"), "a value of several lines": env("A=1\n" + canary + "/=x\n"),
		"no UTF-8":  env("A=\xff" + canary),
		"no YAML":   secret(head + "data: {a: " + canary + "\n"),
		"no base64": secret(head + "data: {a: " + canary + "}\n"),
		"no text":   secret(head + "stringData: {a: [" + canary + "]}\n"),
		"no field":  secret(head + "data: {a: YQ==}\nsecret: " + canary + "\n"),
		"key twice": secret(head + "stringData:\n  a: " + canary + "\n  a: " + canary + "\n"),
		"a bad key": secret(head + "stringData: {a/b: " + canary + "}\n"),
		"a label": secret("apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {a: " +
			"\"" + canary + "\"}}\nstringData: {a: b}\n"),
		"two":        secret(head + "stringData: {a: " + canary + "}\n---\n" + head),
		"no values":  secret(head),
		"other kind": secret("apiVersion: v1\nkind: ConfigMap\ndata: {a: " + canary + "}\n"),
		"SOPS, all":  secret("apiVersion: ENC[" + canary + "]\nkind: ENC[" + canary + "]\nsops: {mac: " + canary + "}\n"),
		"SOPS":       secret(head + "stringData: {a: " + canary + "}\nsops: {mac: " + canary + "}\n"),
	} {
		err := read(&values.Source{Stdin: bytes.NewReader(nil)}, values.Set{})
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestASecretGivesItsValuesAndWhatIsPublic(t *testing.T) {
	set := values.Set{}
	manifest, err := (&values.Source{}).Secret(set, file(t, `apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
  uid: 0-1
  labels: {app: shop}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"a":"`+canary+`"}}'
    team: payments
  ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]
  finalizers: [a.b/c]
type: Opaque
data: {a: b2xk, b: Yg==}
stringData: {a: new}
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(values.Set{"a": []byte("new"), "b": []byte("b")}, set); diff != "" {
		t.Error(diff)
	}
	if manifest.Name != "db" || manifest.Namespace != "shop" || manifest.Type != "Opaque" {
		t.Errorf("%+v", manifest)
	}
	if diff := cmp.Diff(map[string]string{"team": "payments"}, manifest.Annotations); diff != "" {
		t.Errorf("kubectl's copy holds every value in the clear: %s", diff)
	}
	left := strings.Join(manifest.LeftOut, " ")
	if !strings.Contains(left, "ownerReferences") || !strings.Contains(left, "finalizers") ||
		strings.Contains(left, canary) {
		t.Errorf("left out: %s", left)
	}
}

func TestASecretHoldsAMebibyte(t *testing.T) {
	half := bytes.Repeat([]byte("x"), 1<<19)
	if err := (values.Set{"a": half, "b": half}).CheckSize(); err != nil {
		t.Error(err)
	}
	if err := (values.Set{"a": half, "b": half, "c": {1}}).CheckSize(); err == nil {
		t.Error("a byte more is let through")
	}
}
