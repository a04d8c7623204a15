package sealing_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"path"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

const vectorDir = "testdata/vectors"

// vector is one file of testdata/vectors; its README explains the fields.
type vector struct {
	Description string            `json:"description"`
	Class       string            `json:"class"`
	TokenCalls  int64             `json:"tokenCalls"`
	Path        string            `json:"path"`
	Suite       api.Suite         `json:"suite"`
	KeyID       string            `json:"keyID"`
	KeyLabel    string            `json:"keyLabel"`
	PublicKey   string            `json:"publicKey"`
	Cluster     string            `json:"clusterLabel"`
	Recovery    string            `json:"recoveryLabel"`
	Context     vectorContext     `json:"context"`
	Block       api.Block         `json:"block"`
	Lock        int               `json:"lock"`
	Values      map[string]string `json:"values,omitempty"`
	Derived     *vectorDerived    `json:"derived,omitempty"`
}

type vectorContext struct {
	Fleet     string    `json:"fleet"`
	Scope     api.Scope `json:"scope"`
	Group     string    `json:"group"`
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Fields    []string  `json:"fields"`
}

// vectorDerived are intermediate values, in hexadecimal.
type vectorDerived struct {
	ContextBytes  string `json:"contextBytes"`
	ContextDigest string `json:"contextDigest"`
	PayloadHash   string `json:"payloadHash"`
	Info          string `json:"info"`
}

func (v vector) context() sealing.Context {
	c := v.Context
	return sealing.Context{Fleet: c.Fleet, Scope: c.Scope, Group: c.Group, Kind: c.Kind, Namespace: c.Namespace,
		Name: c.Name, Fields: c.Fields}
}

const (
	classOK      = "ok"
	classNoMatch = "no-match"
	pathLock     = "lock"
	pathRecovery = "recovery"
)

// run does what the vector says and returns the class of the first refusal.
func (v vector) run(t *testing.T) (class string, values map[string]string, calls int64) {
	t.Helper()
	key := deriveKey(t, v.Suite, v.KeyLabel)
	if got := key.Public.String(); got != v.PublicKey {
		t.Fatalf("public key %s, want %s", got, v.PublicKey)
	}
	w := &world{
		suite: v.Suite, opener: softkey.NewOpener(map[string]softkey.Key{v.KeyID: key}),
		cluster: newIdentity(t, v.Cluster), recovery: newIdentity(t, v.Recovery),
	}
	var err error
	if v.Path == pathRecovery {
		values, err = w.openRecovery(v.context(), &v.Block)
	} else {
		values, err = w.open(t, v.context(), &v.Block, v.Block.Locks[v.Lock])
	}
	if match := new(age.NoIdentityMatchError); errors.As(err, &match) {
		return classNoMatch, nil, w.opener.Calls()
	}
	if err == nil {
		return classOK, values, w.opener.Calls()
	}
	return string(classOf(err)), nil, w.opener.Calls()
}

func readVectors(t testing.TB) map[string]vector {
	t.Helper()
	files, err := fs.Glob(testdata(), path.Join(vectorDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	vectors := map[string]vector{}
	for _, file := range files {
		data, err := fs.ReadFile(testdata(), file)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		vectors[path.Base(file)] = v
	}
	return vectors
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	seen := map[string]int{}
	for file, v := range readVectors(t) {
		t.Run(file, func(t *testing.T) {
			seen[v.Class]++
			class, values, calls := v.run(t)
			if class != v.Class {
				t.Fatalf("class %q, want %q", class, v.Class)
			}
			if calls != v.TokenCalls {
				t.Errorf("the token was asked %d times, want %d", calls, v.TokenCalls)
			}
			if diff := cmp.Diff(v.Values, values); diff != "" {
				t.Error(diff)
			}
			v.checkDerived(t)
		})
	}
	for _, class := range []string{classOK, classNoMatch, "parse", "length", "point", "binding", "mac"} {
		if seen[class] < 1 {
			t.Errorf("no vector has class %q", class)
		}
	}
	if len(seen) != 7 {
		t.Errorf("classes seen: %v", seen)
	}
}

func (v vector) derive(t *testing.T) *vectorDerived {
	t.Helper()
	payload, err := sealing.ParsePayload(v.Block.Payload)
	if err != nil {
		t.Fatal(err)
	}
	target, err := sealing.ParseTarget(v.Block.Locks[v.Lock].Target)
	if err != nil {
		t.Fatal(err)
	}
	c, digest, hash := v.context(), v.context().Digest(), payload.Hash()
	return &vectorDerived{
		ContextBytes: hex.EncodeToString(c.Bytes()), ContextDigest: hex.EncodeToString(digest[:]),
		PayloadHash: hex.EncodeToString(hash[:]), Info: hex.EncodeToString(sealing.LockInfo(c, target, hash)),
	}
}

func (v vector) checkDerived(t *testing.T) {
	t.Helper()
	if v.Derived == nil {
		if v.Class == classOK {
			t.Error("a vector that opens has no derived values")
		}
		return
	}
	if diff := cmp.Diff(v.Derived, v.derive(t)); diff != "" {
		t.Error(diff)
	}
}
