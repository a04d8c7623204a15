package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/helm"
)

// older is a copy of the chart whose definition of a FleetSync shows no columns, as if
// they had come later.
func older(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "bulla-controller")
	if err := os.CopyFS(folder, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "files/crds/bulla.dev_fleetsyncs.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	from, to := strings.Index(text, "  - additionalPrinterColumns:"), strings.Index(text, "    name: v1alpha1\n")
	if from < 0 || to < from {
		t.Fatalf("%s has no columns", file)
	}
	text = text[:from] + "  - " + strings.TrimLeft(text[to:], " ")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func definition(t *testing.T, file string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(data, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// clientOf is a client that knows the kinds of a chart.
func clientOf(t *testing.T, c *cluster.Cluster) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme,
		apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	all, err := client.New(c.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAnUpgradeBringsItsDefinitions is the life of a release: Helm installs a folder
// crds/ once and upgrades it never, so the definitions are templates; a FleetSync of
// the values comes with the first installation all the same, and nothing of it goes
// when the chart does.
func TestAnUpgradeBringsItsDefinitions(t *testing.T) {
	c := cluster.ForTest(t)
	namespace := c.NewNamespace(t)
	forgetCRDs(t, c)
	all := clientOf(t, c)
	values := []string{
		"--set", "fleetSync.create=true,fleetSync.url=https://git.example.com/acme/fleet.git",
		"--set", "fleetSync.clusterName=prod-eu,fleetSync.keyService.url=https://keys.example.com:8443",
	}
	if out, err := helm.On(t, c, namespace, append([]string{"install", release, older(t)}, values...)...); err != nil {
		t.Fatalf("helm install: %v\n%s", err, out)
	}
	sync, key := &v1alpha1.FleetSync{}, client.ObjectKey{Namespace: namespace, Name: "fleet"}
	if err := all.Get(t.Context(), key, sync); err != nil {
		t.Errorf("the FleetSync did not come with its definition: %v", err)
	}
	identity := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bulla-identity"}}
	if err := all.Create(t.Context(), identity); err != nil {
		t.Fatal(err)
	}

	if out, err := helm.On(t, c, namespace, append([]string{"upgrade", release, chart, "--set",
		"fleetSync.interval=7s"}, values...)...); err != nil {
		t.Fatalf("helm upgrade: %v\n%s", err, out)
	}
	live := &apiextensionsv1.CustomResourceDefinition{}
	if err := all.Get(t.Context(), client.ObjectKey{Name: "fleetsyncs.bulla.dev"}, live); err != nil {
		t.Fatal(err)
	}
	want := definition(t, filepath.Join(chart, "files/crds/bulla.dev_fleetsyncs.yaml"))
	if diff := cmp.Diff(want.Spec.Versions, live.Spec.Versions); diff != "" {
		t.Errorf("the definition was not upgraded (-want +got):\n%s", diff)
	}
	if err := all.Get(t.Context(), key, sync); err != nil || sync.Spec.Interval.Duration.String() != "7s" {
		t.Errorf("the FleetSync was not upgraded: %v, %v", sync.Spec.Interval, err)
	}

	if out, err := helm.On(t, c, namespace, "uninstall", release); err != nil {
		t.Fatalf("helm uninstall: %v\n%s", err, out)
	}
	for what, object := range map[string]client.Object{"identity": identity, "FleetSync": sync, "definition": live} {
		if err := all.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Errorf("the %s went with the chart: %v", what, err)
		}
	}

	t.Log("another release is told whose they are, and takes them over where somebody says so")
	other := c.NewNamespace(t)
	out, err := helm.On(t, c, other, "install", release, chart)
	if err == nil || !strings.Contains(out, "release-namespace") {
		t.Errorf("another release has them unasked: %v\n%s", err, out)
	}
	_, _ = helm.On(t, c, other, "uninstall", release)
	if out, err := helm.On(t, c, other, "install", release, chart, "--take-ownership"); err != nil {
		t.Errorf("helm install --take-ownership: %v\n%s", err, out)
	}
	if out, err := helm.On(t, c, other, "uninstall", release); err != nil {
		t.Errorf("helm uninstall: %v\n%s", err, out)
	}
	if err := all.Get(t.Context(), key, sync); err != nil {
		t.Errorf("the FleetSync went with another release: %v", err)
	}
}

// TestTheDefinitionsAreAsGenerated: they go through Helm's YAML. There is no crds/
// beside them: Helm would create what is in it as nobody's, and then refuse the
// templates.
func TestTheDefinitionsAreAsGenerated(t *testing.T) {
	if _, err := os.Stat(filepath.Join(chart, "crds")); err == nil {
		t.Fatal("the chart has a folder crds; hint: its files belong into files/crds, where make generate writes them")
	}
	out, err := helm.Run(t, "template", release, chart, "--show-only", "templates/crds.yaml")
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(chart, "files/crds/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d definitions: %v", len(files), err)
	}
	rendered := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for document := range strings.SplitSeq(out, "\n---\n") {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict([]byte(document), crd); err != nil {
			t.Fatal(err)
		}
		rendered[crd.Name] = crd
	}
	for _, file := range files {
		want := definition(t, file)
		got := rendered[want.Name]
		if got == nil || got.Annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s is not rendered, or not kept", want.Name)
			continue
		}
		if diff := cmp.Diff(want.Spec, got.Spec); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}
