package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/helm"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestTheKeyServicesHelmPageWorksAsPrinted runs the commands of docs/operations/helm.md
// with the page's own values.yaml, by the real Helm and kubectl on a real API server
// under the restricted standard. The image is not pulled: the nodes are simulated. What
// the service makes of the chart's configuration is tested in cmd/bulla-keyservice.
func TestTheKeyServicesHelmPageWorksAsPrinted(t *testing.T) {
	const page = "docs/operations/helm.md"
	r := &reader{processWorld: &processWorld{T: t, cluster: cluster.ForTest(t), own: "bulla-system", dir: t.TempDir()}}
	r.client, r.at = r.admin(), r.dir
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r.env = []string{"PATH=" + r.kubectl(root) + ":" + filepath.Join(root, "bin") + ":" + os.Getenv("PATH"),
		"HOME=" + r.dir, "BULLA=" + root, "KUBECONFIG=" + r.cluster.Kubeconfig(), "GIT_USERNAME=ada", "GIT_PASSWORD=x"}
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"pin": "1234", "values.yaml": strings.Replace(shownValues(t, string(text)), "AjBZ…", "AjBZ", 1),
	} {
		if err := os.WriteFile(r.path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if out, err := helm.On(t, r.cluster, r.own, "uninstall", "keys"); err != nil {
			t.Logf("helm uninstall: %v\n%s", err, out)
		}
		if err := r.client.Delete(context.Background(),
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.own}}); err != nil {
			t.Errorf("delete namespace: %v", err)
		}
		r.gone(r.own)
	})
	r.gone(r.own) // another test's may be going
	r.volume()
	r.follow(page)
}

// volume is what a cluster with a storage class makes for the service's claim: the test's
// has none.
func (r *reader) volume() {
	r.Helper()
	volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "keys"}, Spec: corev1.PersistentVolumeSpec{
		Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")},
		AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource: corev1.PersistentVolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: r.path("volume")}},
	}}
	if err := r.client.Create(r.Context(), volume); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := r.client.Delete(context.Background(), volume); err != nil {
			r.Errorf("delete volume: %v", err)
		}
	})
}

// gone waits until a namespace is.
func (r *reader) gone(name string) {
	r.Helper()
	wait.For(r.T, "namespace "+name+" is gone", func() error {
		err := r.client.Get(context.Background(), client.ObjectKey{Name: name}, &corev1.Namespace{})
		if err == nil {
			return errors.New("it is there")
		}
		return client.IgnoreNotFound(err)
	})
}

// shownValues is the first YAML that a page shows in a step.
func shownValues(t *testing.T, page string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "   ```yaml\n")
	block, _, ended := strings.Cut(rest, "   ```\n")
	if !found || !ended {
		t.Fatal("the page shows no values.yaml")
	}
	return strings.ReplaceAll("\n"+block, "\n   ", "\n")
}
