package unseal

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// ownFleet is the fleet that the cluster belongs to.
const ownFleet = "00112233445566778899aabbccddeeff"

// unsealWorld is a namespace for kept answers on a real API server, and a key
// service with real locks and a key in software instead of its decisions, which
// its own tests have.
type unsealWorld struct {
	*testing.T
	client    client.Client
	own       client.Client // the controller's
	namespace string
	service   *softService
	identity  *Identity
	sealer    testfleet.Sealer
	snapshot  *view.Snapshot
	refetched int
}

func newUnsealWorld(t *testing.T) *unsealWorld {
	t.Helper()
	installed := chart.ForTest(t, cluster.ForTest(t))
	w := &unsealWorld{T: t, client: installed.Client, own: installed.Own(t), namespace: installed.Namespace}
	key, err := softkey.Derive(api.SuiteHybrid, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	w.sealer = testfleet.Sealer{Fleet: ownFleet, Key: key.Record("k")}
	if w.identity, err = (&Identities{Client: w.own, Namespace: w.namespace}).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.snapshot = &view.Snapshot{Head: "head", Revision: "main@sha1:head", Fleet: &api.Fleet{Spec: api.FleetSpec{ID: ownFleet}}}
	w.service = &softService{
		opener: softkey.NewOpener(map[string]softkey.Key{"k": key}), recipient: w.identity.Recipient(),
		stubs: map[string]kustomize.Object{}, refusals: map[string]keyservicev1.Refusal{}, fleet: ownFleet, head: "head",
	}
	return w
}

// process is a controller process: what it holds in memory is gone with it.
func (w *unsealWorld) process() *Unsealing {
	link := NewLink(w.service)
	link.Follow(func(a, b string) bool { return a == "ahead" && b == "head" })
	u := New(w.own, w.namespace, &Identities{Client: w.own, Namespace: w.namespace}, link, func() { w.refetched++ }, nil)
	return u
}

// seal makes a built object with its stub, one block for each value, and tells
// the key service of it.
func (w *unsealWorld) seal(name string, values map[string]string) kustomize.Object {
	w.Helper()
	manifest, err := w.sealer.Seal(testfleet.Secret{
		Namespace: "apps", Name: name, Targets: []string{"set/retail"}, Values: values,
	})
	if err != nil {
		w.Fatal(err)
	}
	return w.built(name, manifest)
}

// built is the object of a stub; its digest stands for the file's bytes.
func (w *unsealWorld) built(name string, manifest *api.SealedManifest) kustomize.Object {
	w.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret"}}
	object.SetNamespace("apps")
	object.SetName(name)
	o := kustomize.Object{Unstructured: object, Stub: &kustomize.Stub{
		Digest: api.StubDigest(fmt.Appendf(nil, "%s %v", name, manifest)), Path: "apps/" + name + ".yaml", Manifest: manifest,
	}}
	w.service.mu.Lock()
	defer w.service.mu.Unlock()
	w.service.stubs[o.Stub.Digest] = o
	return o
}

// sealed is what a Delivery asks with.
func (w *unsealWorld) sealed(objects ...kustomize.Object) []Sealed {
	w.Helper()
	var out []Sealed
	for _, o := range objects {
		content, err := sealing.ContentDigest(ownFleet, o.Stub.Manifest)
		if err != nil {
			w.Fatal(err)
		}
		out = append(out, Sealed{Object: o, Content: content})
	}
	return out
}

// kept gives the Secrets with kept answers.
func (w *unsealWorld) kept() []corev1.Secret {
	w.Helper()
	list := &corev1.SecretList{}
	if err := w.client.List(w.Context(), list, client.InNamespace(w.namespace), client.HasLabels{AnswersLabel}); err != nil {
		w.Fatal(err)
	}
	return list.Items
}

// expect checks the values of one object.
func (w *unsealWorld) expect(got map[ObjectID]map[string]string, o kustomize.Object, values map[string]string) {
	w.Helper()
	if len(got[o.ID()]) != len(values) {
		w.Errorf("%s has %d values, want %d", o.GetName(), len(got[o.ID()]), len(values))
	}
	for key, value := range values {
		if got[o.ID()]["/data/"+key] != base64.StdEncoding.EncodeToString([]byte(value)) {
			w.Errorf("%s has another value for %s", o.GetName(), key)
		}
	}
}

// softService answers for the stubs that it was told of.
type softService struct {
	opener    *softkey.Opener
	recipient string

	mu       sync.Mutex
	stubs    map[string]kustomize.Object
	stored   map[string][]byte // by the digest of a reference
	room     int64             // for stubs in an answer, where it is not 0
	refusals map[string]keyservicev1.Refusal
	fleet    string
	head     string
	err      error
	requests [][]string
}

func (s *softService) Renew(context.Context) (*keyservice.Credentials, error) { return nil, s.err }

func (s *softService) Unseal(ctx context.Context, _ string, digests []string) (*keyservice.Answers, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, slices.Clone(digests))
	if s.err != nil {
		return nil, s.err
	}
	answers := &keyservice.Answers{Fleet: s.fleet, Head: s.head, Results: map[string]keyservice.Result{}}
	room := s.room
	for _, digest := range digests {
		result := keyservice.Result{Refusal: s.refusals[digest]}
		if size := int64(len(s.stored[digest])); result.Granted() && s.room > 0 {
			if size > room {
				result.Refusal = keyservicev1.Refusal_REFUSAL_UNAVAILABLE
			} else {
				room -= size
			}
		}
		if result.Granted() {
			var err error
			if result.Stanzas, err = s.unlock(ctx, s.stubs[digest]); err != nil {
				return nil, err
			}
			result.Stub = s.stored[digest]
		}
		answers.Results[digest] = result
	}
	return answers, nil
}

func (s *softService) unlock(ctx context.Context, o kustomize.Object) ([]sealing.Stanza, error) {
	var stanzas []sealing.Stanza
	for i := range o.Stub.Manifest.Spec.Blocks {
		block := &o.Stub.Manifest.Spec.Blocks[i]
		c, err := sealing.ContextOf(ownFleet, o.Stub.Manifest, i, o.Stub.Manifest.Metadata.Namespace, o.Stub.Manifest.Metadata.Name)
		if err != nil {
			return nil, err
		}
		stanza, err := softkey.Unlock(ctx, s.opener, c, block, block.Locks[0], api.SuiteHybrid, s.recipient)
		if err != nil {
			return nil, err
		}
		stanzas = append(stanzas, stanza)
	}
	return stanzas, nil
}

func (s *softService) refuse(digest string, with keyservicev1.Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[digest] = with
}

// away has the service answer nothing.
func (s *softService) away(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// asked is the number of requests so far.
func (s *softService) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}
