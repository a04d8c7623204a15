package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/fixtures/module"
)

// cmdKubeseal is kubeseal's own library: it makes a controller's key, writes the Secret
// that holds it, and seals Secret manifests of one file to it.
//
//	kubeseal KEYS IN OUT
func cmdKubeseal(ts *testscript.TestScript, neg bool, args []string) {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	kept := &corev1.Secret{Type: corev1.SecretTypeTLS}
	kept.APIVersion, kept.Kind, kept.Name, kept.Namespace = "v1", "Secret", "sealed-secrets-key", "kube-system"
	kept.Labels = map[string]string{"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}
	kept.Data = map[string][]byte{
		"tls.crt": []byte("a certificate"),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
	}
	list := map[string]any{"apiVersion": "v1", "kind": "List", "items": []any{kept}}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), must(yaml.Marshal(list)), 0o600))
	var out []byte
	for _, text := range bytes.Split([]byte(ts.ReadFile(args[1])), []byte("---\n")) {
		secret := &corev1.Secret{}
		ts.Check(yaml.UnmarshalStrict(text, secret))
		scheme := runtime.NewScheme()
		ts.Check(corev1.AddToScheme(scheme))
		sealed := must(ssv1alpha1.NewSealedSecret(serializer.NewCodecFactory(scheme), &key.PublicKey, secret))
		sealed.APIVersion, sealed.Kind = "bitnami.com/v1alpha1", "SealedSecret"
		if text, ok := secret.Annotations["test/template"]; ok {
			delete(sealed.Spec.Template.Annotations, "test/template")
			sealed.Spec.Template.Data = map[string]string{"config": text}
		}
		out = append(append(out, must(yaml.Marshal(sealed))...), "---\n"...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out, 0o644))
}

// cmdLive creates objects of the core group in the script's cluster, and their
// namespaces.
//
//	live FILE
func cmdLive(ts *testscript.TestScript, neg bool, args []string) {
	ctx, client := context.Background(), worldOf(ts).kube
	for _, text := range bytes.Split([]byte(ts.ReadFile(args[0])), []byte("---\n")) {
		object := &unstructured.Unstructured{}
		ts.Check(yaml.Unmarshal(text, &object.Object))
		namespace := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": object.GetNamespace()},
		}}
		for _, one := range []*unstructured.Unstructured{namespace, object} {
			kind := corev1.SchemeGroupVersion.WithResource(map[string]string{
				"Namespace": "namespaces", "Secret": "secrets",
			}[one.GetKind()])
			_, err := client.Resource(kind).Namespace(one.GetNamespace()).Create(ctx, one, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				ts.Check(fmt.Errorf("create %s %s: %w", one.GetKind(), one.GetName(), err))
			}
		}
	}
}

// cmdSOPS puts the real sops onto the PATH, and nothing else of bin.
func cmdSOPS(ts *testscript.TestScript, neg bool, args []string) {
	const hint = "hint: make sops"
	program := filepath.Join(must(module.Root()), "bin", "sops")
	if _, err := os.Stat(program); err != nil {
		ts.Fatalf("%v; %s", err, hint)
	}
	folder := ts.MkAbs(".program-sops")
	ts.Check(os.MkdirAll(folder, 0o700))
	ts.Check(os.Symlink(program, filepath.Join(folder, "sops")))
	ts.Setenv("PATH", folder+string(os.PathListSeparator)+ts.Getenv("PATH"))
}

// cmdPGPKey makes an OpenPGP key with gpg, in a home of its own that goes with the test,
// and sets PGPKEY to its fingerprint.
func cmdPGPKey(ts *testscript.TestScript, neg bool, args []string) {
	home := must(os.MkdirTemp("", "gpg")) // short: a socket lies in it
	ts.Setenv("GNUPGHOME", home)
	ts.Defer(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	gpg := func(arguments ...string) string {
		cmd := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--no-tty"}, arguments...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			ts.Fatalf("gpg: %v\n%s", err, out)
		}
		return string(out)
	}
	gpg("--passphrase", "", "--quick-generate-key", "Test <test@example.com>", "rsa2048", "encrypt", "never")
	for line := range strings.Lines(gpg("--with-colons", "--fingerprint")) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			ts.Setenv("PGPKEY", fields[9])
			return
		}
	}
	ts.Fatalf("gpg made no key")
}
