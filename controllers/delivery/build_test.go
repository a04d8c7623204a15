package delivery

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// push builds the files of a placement as the real thing does, and makes what
// comes out, or the error, what Git says. Without an error, the objects come back.
func (w *deliveryWorld) push(name string, files map[string]string) []kustomize.Object {
	w.t.Helper()
	root := w.t.TempDir()
	for file, text := range files {
		w.must(os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o700))
		w.must(os.WriteFile(filepath.Join(root, file), []byte(text), 0o600))
	}
	tree, err := tree.OpenDir(root)
	w.must(err)
	before := w.git[name]
	a := w.place(name)
	p := &api.Placement{Metadata: api.Metadata{Name: name}, Spec: a.spec}
	built, err := kustomize.NewBuilder(kustomize.BuilderOptions{}).Build(w.t.Context(), tree, p)
	if err != nil {
		a.err, a.objects = err, before.objects // what stood is to stand
	} else {
		a.objects = built.Objects
	}
	return a.objects
}

// TestWhatAPushWouldLoseStands: a build that lost a value or a label is refused,
// and what stands is left alone, and healed.
func TestWhatAPushWouldLoseStands(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	files := map[string]string{
		"apps/shop/kustomization.yaml": "resources: [../base]\n",
		"apps/base/kustomization.yaml": "resources: [db.yaml, settings.yaml]\n",
		"apps/base/db.yaml":            testfleet.Stub("db", "metadata: {annotations: {team: payments}}"),
		"apps/base/settings.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  labels: {enforce: restricted, cost-center: \"4711\"}\n",
	}
	with := func(file, text string) map[string]string {
		next := map[string]string{file: text}
		for name, text := range files {
			if name != file {
				next[name] = text
			}
		}
		return next
	}
	for _, o := range w.push("shop", files) {
		if o.Stub != nil {
			w.unsealer.open(o.Stub.Manifest.Spec.Blocks[0].Payload, map[string]string{"/data/password": base64.StdEncoding.EncodeToString([]byte("canary 8f1c07"))})
		}
	}
	w.commit()
	w.settled()
	live := func() (*corev1.Secret, *corev1.ConfigMap) {
		secret, settings := &corev1.Secret{}, &corev1.ConfigMap{}
		w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "db"}, secret))
		w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "settings"}, settings))
		return secret, settings
	}
	secret, settings := live()
	refused := func(files map[string]string, words ...string) {
		t.Helper()
		w.push("shop", files)
		w.commit()
		for _, word := range words {
			// What the push before was refused for stands until this one is seen.
			eventually(t, "the Delivery says "+word, func() error {
				d := w.reason("shop", "BuildFailed")
				if text := describeConditions(d); !strings.Contains(text, word) || ready(d) {
					return errors.New(text)
				}
				return nil
			})
		}
		nowSecret, nowSettings := live()
		if nowSecret.UID != secret.UID || !cmp.Equal(nowSecret.Data, secret.Data) || !cmp.Equal(nowSecret.Annotations, secret.Annotations) {
			t.Errorf("the Secret is another: uid %s, %d keys, annotations %v", nowSecret.UID, len(nowSecret.Data), nowSecret.Annotations)
		}
		if diff := cmp.Diff(settings.Labels, nowSettings.Labels); diff != "" || nowSettings.UID != settings.UID {
			t.Errorf("labels are lost: %s", diff)
		}
	}
	refused(with("apps/shop/kustomization.yaml", "resources: [../base]\npatches:\n- target: {kind: Secret}\n  patch: |-\n    - {op: add, path: /metadata/annotations, value: {team: shop}}\n"),
		"apps/base/db.yaml", "apps/shop/kustomization.yaml")
	refused(with("apps/base/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  labels: {enforce: restricted, cost-center: 4711}\n"),
		"apps/base/settings.yaml:5", "metadata.labels.cost-center")
	w.push("shop", files)
	w.commit()
	w.settled()
}
