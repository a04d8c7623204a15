package delivery

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
)

// tableUnsealer stands in for the key service and the kept answers.
type tableUnsealer struct {
	mu     sync.Mutex
	values map[string]map[string]string // by content digest
	kept   map[string]map[string]bool   // by delivery, content digests
	asked  []string                     // content digests that the key service was asked for
	calls  int                          // every call, kept or not
	down   bool
}

func newTableUnsealer() *tableUnsealer {
	return &tableUnsealer{values: map[string]map[string]string{}, kept: map[string]map[string]bool{}}
}

func (u *tableUnsealer) Unseal(_ context.Context, delivery string, s *view.Snapshot, objects []unseal.Sealed) (map[ObjectID]map[string]string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls++
	out := map[ObjectID]map[string]string{}
	for _, one := range objects {
		o, content := one.Object, one.Content
		if !u.kept[delivery][content] {
			if u.down {
				return nil, loop.Waiting(v1alpha1.KeyServiceUnavailableReason, "the key service is down")
			}
			u.asked = append(u.asked, content)
		}
		values, ok := u.values[o.Stub.Manifest.Spec.Blocks[0].Payload]
		if !ok {
			return nil, loop.Stalled(v1alpha1.UnsealDeniedReason, "no such payload")
		}
		if u.kept[delivery] == nil {
			u.kept[delivery] = map[string]bool{}
		}
		u.kept[delivery][content] = true
		out[o.ID()] = values
	}
	return out, nil
}

func (u *tableUnsealer) Kept(_ context.Context, delivery string, s *view.Snapshot, objects []unseal.Sealed) (map[ObjectID]map[string]string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := map[ObjectID]map[string]string{}
	for _, one := range objects {
		o, content := one.Object, one.Content
		if u.kept[delivery][content] {
			out[o.ID()] = u.values[o.Stub.Manifest.Spec.Blocks[0].Payload]
		}
	}
	return out, nil
}

func (u *tableUnsealer) Carry(context.Context, string, *view.Snapshot, []unseal.Sealed,
	func() ([]unseal.Sealed, error)) error {
	return nil // it keeps values by their content
}

func (u *tableUnsealer) Forget(_ context.Context, delivery string, keep []string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.kept[delivery], func(content string, _ bool) bool { return !slices.Contains(keep, content) })
	return nil
}

func (u *tableUnsealer) set(down bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.down = down
}

// open says what a payload holds.
func (u *tableUnsealer) open(payload string, values map[string]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.values[payload] = values
}

func (u *tableUnsealer) counts() (calls, asked, kept int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, contents := range u.kept {
		kept += len(contents)
	}
	return u.calls, len(u.asked), kept
}

// seal makes a built sealed Secret: every seal is a new payload, and every value
// ends in a canary that occurs nowhere by chance.
func (w *deliveryWorld) seal(name string, values map[string]string, change ...func(template map[string]any)) kustomize.Object {
	template := map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "Opaque"}
	for _, f := range change {
		f(template)
	}
	block := api.Block{Payload: "payload " + rand.Text(), Locks: []api.Lock{{Target: "set/all", Key: "k1", Ciphertext: rand.Text()}}}
	opened := map[string]string{}
	for key, value := range values {
		block.Fields = append(block.Fields, "/data/"+key)
		opened["/data/"+key] = base64.StdEncoding.EncodeToString([]byte(value + " " + rand.Text()))
	}
	slices.Sort(block.Fields)
	w.unsealer.open(block.Payload, opened)
	raw, err := json.Marshal(template)
	w.must(err)
	manifest := &api.SealedManifest{
		Metadata: api.Metadata{Name: name, Namespace: w.ns},
		Spec:     api.SealedManifestSpec{Template: raw, Blocks: []api.Block{block}},
	}
	u := &unstructured.Unstructured{Object: template}
	u.SetName(name)
	u.SetNamespace(w.ns)
	return kustomize.Object{Unstructured: u, Stub: &kustomize.Stub{Digest: "sha256:" + rand.Text(), Path: name + ".yaml", Manifest: manifest}}
}

// relock gives the same stub with other locks: another stub digest, the same
// content.
func relock(o kustomize.Object) kustomize.Object {
	manifest := o.Stub.Manifest.DeepCopy()
	manifest.Spec.Blocks[0].Locks = append(manifest.Spec.Blocks[0].Locks, api.Lock{Target: "set/more", Key: "k2", Ciphertext: rand.Text()})
	return kustomize.Object{Unstructured: o.DeepCopy(), Stub: &kustomize.Stub{Digest: "sha256:" + rand.Text(), Path: o.Stub.Path, Manifest: manifest}}
}

// object reads a plain object from YAML; %[1]s is the world's namespace.
func (w *deliveryWorld) object(text string, args ...any) kustomize.Object {
	w.t.Helper()
	u := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte(fmt.Sprintf(text, append([]any{w.ns}, args...)...)))
	w.must(err)
	w.must(u.UnmarshalJSON(raw)) // numbers as the API server gives them: whole ones are int64
	return kustomize.Object{Unstructured: u}
}

func (w *deliveryWorld) configMap(name, value string) kustomize.Object {
	return w.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: %[2]s, namespace: %[1]s}, data: {key: %[3]q}}", name, value)
}

func (w *deliveryWorld) deployment(name, secret string) kustomize.Object {
	return w.object(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: example.com/app, envFrom: [{secretRef: {name: %[3]s}}]}
`, name, secret)
}
