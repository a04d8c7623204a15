package keyuse_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/keyuse"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func TestAKeyIsNeededWhereATargetOpensUnderNoOther(t *testing.T) {
	spec := &api.FleetSpec{SealingKeys: []api.SealingKey{
		{ID: "a", Status: api.KeyRetired}, {ID: "b", Status: api.KeySuperseded}, {ID: "c", Status: api.KeyActive},
	}}
	for _, test := range []struct {
		name, file string
		needs      []string
	}{
		{"one lock", testfleet.Locked("x", "set/s=b"), []string{"b"}},
		{"a lock under two keys that open", testfleet.Locked("x", "set/s=b set/s=c"), nil},
		{"a lock under a key that opens and one that is retired", testfleet.Locked("x", "set/s=a set/s=b"), []string{"b"}},
		{"a lock under a key that nobody knows", testfleet.Locked("x", "set/s=b set/s=z"), []string{"b"}},
		{"two targets under two keys", testfleet.Locked("x", "set/s=b set/u=c"), []string{"b", "c"}},
		{"one of two blocks moved", testfleet.Locked("x", "set/s=c", "set/s=b set/s=c", "set/s=b"), []string{"b", "c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stubs, broken := new(keyuse.Reader).Read(testfleet.Open(t, testfleet.Files{"x.yaml": test.file}))
			if len(stubs) != 1 || len(broken) != 0 {
				t.Fatalf("read %d stubs, %d broken", len(stubs), len(broken))
			}
			var needs []string
			for _, key := range []string{"b", "c"} {
				if stubs[0].Needs(key, keyuse.Opens(spec)) {
					needs = append(needs, key)
				}
			}
			if diff := cmp.Diff(test.needs, needs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryStubIsCountedAndNothingElse(t *testing.T) {
	reader := &keyuse.Reader{}
	same := testfleet.Locked("x", "set/s=b set/u=b", "set/s=c")
	stubs, broken := reader.Read(testfleet.Open(t, testfleet.Files{
		"one.yaml": same, "two.yml": same, "notes.txt": same, "map.yaml": "apiVersion: v1\nkind: ConfigMap\n",
		"bad.yaml": strings.Replace(same, "blocks", "block", 1), "not.yaml": "{",
	}))
	if diff := cmp.Diff([]string{"bad.yaml"}, broken); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
	if len(stubs) != 2 || stubs[0].Path != "one.yaml" || stubs[1].Path != "two.yml" {
		t.Fatalf("read %+v", stubs)
	}
	if diff := cmp.Diff(map[string]int{"b": 2, "c": 1}, stubs[1].Locks); diff != "" {
		t.Errorf("locks (-want +got):\n%s", diff)
	}
	if stubs[0].Digest != api.StubDigest([]byte(same)) {
		t.Error("the digest is another")
	}
}

// TestAReferenceNeedsTheKeysOfItsStub, which the store has; of one that cannot be had
// nobody knows, and each key counts as needed.
func TestAReferenceNeedsTheKeysOfItsStub(t *testing.T) {
	const text = "apiVersion: bulla.dev/v1alpha1\nkind: SealedReference\nmetadata: {name: x}\nspec:\n" +
		"  template: {apiVersion: v1, kind: Secret}\n  fields: [/data/a]\n  targets: [set/s]\n" +
		"  stub: {size: 1, digest: %[1]q, content: %[1]q}\n"
	digest := api.StubDigest(nil)
	tree := testfleet.Open(t, testfleet.Files{"x.yaml": fmt.Sprintf(text, digest), "y.yaml": fmt.Sprintf(text, digest)})
	stored, err := api.ParseSealedManifest("stub", []byte(testfleet.Locked("x", "set/s=b")))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	reader := keyuse.Reader{Kept: func(string, *api.SealedReference) (*api.SealedManifest, error) {
		asked++
		return stored, nil
	}}
	open := func(string) bool { return true }
	for range 2 { // two trees with the same file
		stubs, broken := reader.Read(tree)
		if len(stubs) != 2 || len(broken) != 0 || stubs[1].Path != "y.yaml" || !stubs[1].Needs("b", open) ||
			stubs[1].Needs("c", open) || stubs[1].Locks["b"] != 1 {
			t.Errorf("read %+v, broken %v", stubs, broken)
		}
	}
	if asked != 1 {
		t.Errorf("the store was asked %d times for one stub", asked)
	}
	away := keyuse.Reader{Kept: func(string, *api.SealedReference) (*api.SealedManifest, error) {
		return nil, errors.New("away")
	}}
	stubs, _ := away.Read(tree)
	if len(stubs) != 2 || stubs[0].Err == nil || !stubs[0].Needs("c", open) {
		t.Errorf("of a stub that cannot be had: %+v", stubs)
	}
}
