package reseal_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/reseal"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	fleet  = "6f1c0000000000000000000000000001"
	oldKey = "2026-11-a"
	newKey = "2027-01-a"
)

// liar is a key service that moves locks honestly, and then changes its answer.
type liar struct {
	t      *testing.T
	opener *softkey.Opener
	to     api.SealingKey
	stub   *api.SealedManifest
	lie    func(*keyservicev1.RewrapResponse)
}

func (l *liar) Rewrap(ctx context.Context, in *keyservicev1.RewrapRequest) (*keyservicev1.RewrapResponse, error) {
	out := &keyservicev1.RewrapResponse{Head: in.GetHead(), Key: l.to.ID}
	result := &keyservicev1.RewrapResult{Digest: in.GetDigests()[0]}
	for i, block := range l.stub.Spec.Blocks {
		where, err := sealing.ContextOf(fleet, l.stub, i, "shop", "db")
		if err != nil {
			l.t.Fatal(err)
		}
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			l.t.Fatal(err)
		}
		locks := &keyservicev1.BlockLocks{}
		for _, lock := range block.Locks {
			prepared, err := sealing.Prepare(where, payload, lock, api.SuiteP256)
			if err != nil {
				l.t.Fatal(err)
			}
			moved, err := prepared.Rewrap(ctx, l.opener, l.to)
			if err != nil {
				l.t.Fatal(err)
			}
			locks.Locks = append(locks.Locks,
				&keyservicev1.Lock{Target: moved.Target, Key: moved.Key, Ciphertext: moved.Ciphertext})
		}
		result.Blocks = append(result.Blocks, locks)
	}
	out.Results = append(out.Results, result)
	if l.lie != nil {
		l.lie(out)
	}
	return out, nil
}

// world is a working tree with one stub of two blocks, each for two sets.
func world(t *testing.T) (*reseal.Job, *liar, string) {
	t.Helper()
	first, second := derive(t, "first"), derive(t, "second")
	stub, err := testfleet.Sealer{Fleet: fleet, Key: first.Record(oldKey)}.Seal(testfleet.Secret{
		Namespace: "shop", Name: "db", Targets: []string{"set/x", "set/y"}, Values: map[string]string{"a": "v", "b": "v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	superseded := first.Record(oldKey)
	superseded.Status = api.KeySuperseded
	spec := api.FleetSpec{ID: fleet, Serial: 1, SealingKeys: []api.SealingKey{superseded, second.Record(newKey)}}
	root := t.TempDir()
	file := filepath.Join(root, "db.yaml")
	testfleet.Files{"fleet.yaml": testfleet.NewRoot(t).File(t, &spec)}.Write(t, root)
	write(t, file, stub)
	repo, err := fleetrepo.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	service := &liar{
		t: t, opener: softkey.NewOpener(map[string]softkey.Key{oldKey: first}), to: second.Record(newKey),
		stub: stub,
	}
	return &reseal.Job{
		Repo: repo, Service: service, Store: &stored.Store{}, Head: strings.Repeat("0", 40),
		Progress: func(string, ...any) {},
	}, service, file
}

func derive(t *testing.T, label string) softkey.Key {
	t.Helper()
	key, err := softkey.Derive(api.SuiteP256, label)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t *testing.T, file string, object any) {
	t.Helper()
	data, err := yaml.Marshal(object)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAnHonestServiceMovesEveryLock(t *testing.T) {
	job, _, file := world(t)
	out, err := job.Run(t.Context())
	if err != nil || len(out.Moved) != 1 || len(out.Left) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	parsed, err := api.ParseSealedManifest("db.yaml", []byte(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range parsed.Spec.Blocks {
		for i, target := range []string{"set/x", "set/y"} {
			if block.Locks[i].Target != target || block.Locks[i].Key != newKey {
				t.Errorf("lock %d is for %s under %s", i, block.Locks[i].Target, block.Locks[i].Key)
			}
		}
	}
}

// What the service says goes into files that are reviewed and merged: an answer
// that is not exactly what was asked for writes nothing.
func TestAnAnswerThatWasNotAskedForChangesNothing(t *testing.T) {
	first := func(out *keyservicev1.RewrapResponse) *keyservicev1.Lock {
		return out.GetResults()[0].GetBlocks()[0].GetLocks()[0]
	}
	for name, lie := range map[string]func(*keyservicev1.RewrapResponse){
		"a lock for another target": func(out *keyservicev1.RewrapResponse) { first(out).Target = "set/everybody" },
		"a lock under another key":  func(out *keyservicev1.RewrapResponse) { first(out).Key = oldKey },
		"a lock that is no lock":    func(out *keyservicev1.RewrapResponse) { first(out).Ciphertext = "AAAA" },
		"a lock that is YAML": func(out *keyservicev1.RewrapResponse) {
			first(out).Ciphertext += "\n    - target: set/everybody"
		},
		"locks in another order": func(out *keyservicev1.RewrapResponse) {
			l := out.GetResults()[0].GetBlocks()[0].Locks
			l[0], l[1] = l[1], l[0]
		},
		"a lock less": func(out *keyservicev1.RewrapResponse) {
			b := out.GetResults()[0].GetBlocks()[0]
			b.Locks = b.Locks[:1]
		},
		"a lock more": func(out *keyservicev1.RewrapResponse) {
			b := out.GetResults()[0].GetBlocks()[0]
			b.Locks = append(b.Locks, b.Locks[0])
		},
		"a block less": func(out *keyservicev1.RewrapResponse) {
			r := out.GetResults()[0]
			r.Blocks = r.Blocks[:1]
		},
		"an answer for another stub": func(out *keyservicev1.RewrapResponse) {
			out.Results[0].Digest = "sha256:" + strings.Repeat("0", 64)
		},
		"no answer":          func(out *keyservicev1.RewrapResponse) { out.Results = nil },
		"another Active key": func(out *keyservicev1.RewrapResponse) { out.Key = "2027-02-a" },
		"a refusal with blocks in it": func(out *keyservicev1.RewrapResponse) {
			out.Results[0].Refusal = keyservicev1.Refusal_REFUSAL_INVALID
		},
	} {
		t.Run(name, func(t *testing.T) {
			job, service, file := world(t)
			service.lie = lie
			before := read(t, file)
			out, err := job.Run(t.Context())
			if len(out.Moved) != 0 || err == nil && len(out.Left) != 1 {
				t.Errorf("%+v, %v", out, err)
			}
			if err != nil && !errors.Is(err, reseal.ErrAnswer) && !errors.Is(err, reseal.ErrOtherKey) {
				t.Errorf("error %v", err)
			}
			if after := read(t, file); after != before {
				t.Error("the stub was changed")
			}
		})
	}
}

func TestAFileThatIsEditedMeanwhileIsLeftAlone(t *testing.T) {
	job, service, file := world(t)
	edited := read(t, file) + "# a colleague's word\n"
	service.lie = func(*keyservicev1.RewrapResponse) {
		if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := job.Run(t.Context())
	if err != nil || len(out.Left) != 1 || out.Left[0].Err == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if read(t, file) != edited {
		t.Error("the edit was overwritten")
	}
}

// frugal takes few stubs at a time, as a service does whose log takes so many
// locks at once.
type frugal struct {
	reseal.Service
	most, asked int
}

func (f *frugal) Rewrap(ctx context.Context, in *keyservicev1.RewrapRequest) (*keyservicev1.RewrapResponse, error) {
	f.asked++
	if len(in.GetDigests()) > f.most {
		return nil, &client.DeniedError{Reason: keyservicev1.ReasonTooMuch}
	}
	return f.Service.Rewrap(ctx, in)
}

func TestStubsThatAreTooMuchTogetherAreAskedForInParts(t *testing.T) {
	job, service, file := world(t)
	for n := range 4 {
		copied := strings.Replace(file, "db.yaml", "db"+strings.Repeat("x", n+1)+".yaml", 1)
		if err := os.WriteFile(copied, []byte(read(t, file)+strings.Repeat("#", n+1)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if job.Repo, err = fleetrepo.Open(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	few := &frugal{Service: service, most: 1}
	job.Service = few
	out, err := job.Run(t.Context())
	if err != nil || len(out.Moved) != 5 || len(out.Left) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if few.asked != 9 { // 5; 2 and 3; 1, 1, 1 and 2; 1 and 1
		t.Errorf("asked %d times", few.asked)
	}
}
