package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/check"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// FuzzABuildIsShownAndChecked: whatever JSON lies in a placement's folder, `bulla
// build` and `bulla validate` print it or say what is wrong.
func FuzzABuildIsShownAndChecked(f *testing.F) {
	seeds := []string{
		`{"apiVersion":"v1","kind":5,"metadata":{"name":"x"}}`, `{"apiVersion":[],"kind":{},"metadata":5}`,
		`{"kind":"","metadata":{"labels":[]}}`, `[5]`, `{}`, `null`,
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","annotations":["bulla.dev/force"]}}`,
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","annotations":{"bulla.dev/force":5,"bulla.dev/prune":"x"}},"data":[1]}`,
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x","namespace":7},"type":5,"data":{"a":5},"immutable":"x"}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"template":{"metadata":[],"spec":{"containers":{},"volumes":[5,{"secret":[]}],"imagePullSecrets":"x"}}}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"replicas":"x","template":{"spec":{"containers":[5,{"envFrom":[5,{"secretRef":5}],"env":[{"valueFrom":[]}]}],"serviceAccountName":5}}}}`,
		`{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"x"},"spec":{"tls":[5,{"secretName":[]}]}}`,
		`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"x"},"secrets":{"a":"b"},"imagePullSecrets":[[]]}`,
		`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"x"},"spec":{"names":5,"scope":[],"versions":{}}}`,
		`{"apiVersion":"bulla.dev/v1alpha1","kind":"SealedManifest","metadata":5,"spec":[]}`,
		`{"apiVersion":"v1","kind":"List","metadata":{"name":"x"},"items":[5,{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"y","labels":{"a":5}}}]}`,
		`{"apiVersion":"a/b/c","kind":"AllowList","metadata":{"name":"x"},"items":{"a":[]}}`,
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds: nothing is tried")
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	fleet := fuzzedFleet(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := fleet.With("apps/app/x.json", data)
		if err != nil {
			t.Skip("no file of a repository")
		}
		model, err := model.Load(tree)
		if err != nil {
			t.Fatal(err)
		}
		builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
		report, err := check.Fleet(t.Context(), tree, model, builder, nil, nil, func(string, ...any) {})
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range report.Findings {
			if text := finding.String(); strings.ContainsAny(text, "\n\r") || strings.Contains(text, "panick") {
				t.Errorf("%s\ngives %q", data, text)
			}
		}
		built, err := builder.Build(t.Context(), tree, model.Placements["app"])
		if err != nil {
			return
		}
		for _, o := range built.Objects {
			if _, err := shown(o); err != nil {
				t.Error(err)
			}
		}
	})
}

// fuzzedFleet has one placement on one cluster.
func fuzzedFleet(f *testing.F) *tree.Tree {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		f.Fatal(err)
	}
	const kinds = "apiVersion: bulla.dev/v1alpha1\nkind: "
	root := f.TempDir()
	for file, text := range map[string]string{
		"fleet.yaml": kinds + "Fleet\nmetadata: {name: acme}\nspec:\n  id: " + strings.Repeat("0a", 16) +
			"\n  serial: 1\n  sealingKeys: [{id: k1, suite: MLKEM768-P256, publicKey: age1tagpq1xyz, status: Active}]\n  " +
			"signature: |\n    text\n",
		"clusters/one.yaml": kinds + "Cluster\nmetadata: {name: one}\nspec:\n  identity: sha256:" + strings.Repeat("ab", 32) +
			"\n  recipient: " + identity.Recipient().String() + "\n",
		"placements/app.yaml": kinds +
			"Placement\nmetadata: {name: app}\nspec:\n  path: apps/app\n  targets: [{clusterName: one}]\n  " +
			"targetNamespace: app\n" +
			"  allow: {clusterResources: [CustomResourceDefinition.apiextensions.k8s.io]}\n",
		"apps/app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o700); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	tree, err := tree.OpenDir(root)
	if err != nil {
		f.Fatal(err)
	}
	return tree
}
