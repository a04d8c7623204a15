package sealing_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

func TestContextBytesAreWhatTheDocumentationSays(t *testing.T) {
	c := sealing.Context{Fleet: "f", Scope: "Strict", Group: "", Kind: "Secret", Namespace: "n", Name: "x",
		Fields: []string{"/data/a", "/data/b"}}
	want := "00000014" + hex.EncodeToString([]byte("bulla.dev/context/v1")) +
		"0000000166" + "00000006" + hex.EncodeToString([]byte("Strict")) + "00000000" +
		"00000006" + hex.EncodeToString([]byte("Secret")) + "000000016e" + "0000000178" +
		"00000002" + "00000007" + hex.EncodeToString([]byte("/data/a")) + "00000007" + hex.EncodeToString([]byte("/data/b"))
	if got := hex.EncodeToString(c.Bytes()); got != want {
		t.Errorf("bytes %s\nwant  %s", got, want)
	}
}

func TestContextOfTakesWhatTheScopeDemands(t *testing.T) {
	stub := func(scope api.Scope, apiVersion string) *api.SealedManifest {
		return &api.SealedManifest{
			Metadata: api.Metadata{Name: "stub", Namespace: "base"},
			Spec: api.SealedManifestSpec{
				Template: fmt.Appendf(nil, `{"apiVersion":%q,"kind":"Secret"}`, apiVersion),
				Scope:    scope,
				Blocks:   []api.Block{{Fields: []string{"/data/a"}}, {Fields: []string{"/data/b"}}},
			},
		}
	}
	base := sealing.Context{Fleet: "f", Scope: api.ScopeStrict, Kind: "Secret", Namespace: "shop", Name: "prod-db",
		Fields: []string{"/data/b"}}
	tests := map[string]struct {
		stub   *api.SealedManifest
		change func(*sealing.Context)
	}{
		"no scope is Strict": {stub("", "v1"), func(*sealing.Context) {}},
		"Strict has both":    {stub(api.ScopeStrict, "v1"), func(*sealing.Context) {}},
		"Namespace has no name": {stub(api.ScopeNamespace, "v1"),
			func(c *sealing.Context) { c.Scope, c.Name = api.ScopeNamespace, "" }},
		"Fleet has neither": {stub(api.ScopeFleet, "v1"),
			func(c *sealing.Context) { c.Scope, c.Name, c.Namespace = api.ScopeFleet, "", "" }},
		"a group is taken, its version not": {stub("", "example.com/v1"),
			func(c *sealing.Context) { c.Group = "example.com" }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := base
			test.change(&want)
			got, err := sealing.ContextOf("f", test.stub, 1, "shop", "prod-db")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, call := range map[string]func() (sealing.Context, error){
		"a block that is not there": func() (sealing.Context,
			error) {
			return sealing.ContextOf("f", stub("", "v1"), 2, "shop", "x")
		},
		"a negative block": func() (sealing.Context,
			error) {
			return sealing.ContextOf("f", stub("", "v1"), -1, "shop", "x")
		},
		"no namespace under Strict": func() (sealing.Context,
			error) {
			return sealing.ContextOf("f", stub("", "v1"), 0, "", "x")
		},
		"a scope that is not known": func() (sealing.Context,
			error) {
			return sealing.ContextOf("f", stub("Any", "v1"), 0, "shop", "x")
		},
		"a fleet without an id": func() (sealing.Context,
			error) {
			return sealing.ContextOf("", stub("", "v1"), 0, "shop", "x")
		},
		"a template that is no JSON": func() (sealing.Context, error) {
			return sealing.ContextOf("f", &api.SealedManifest{Spec: api.SealedManifestSpec{Blocks: []api.Block{{}}}}, 0, "shop",
				"x")
		},
	} {
		if c, err := call(); err == nil {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

// split makes a context out of a fuzzer's string, with NUL between elements
// and all that follows as fields.
func split(text string) sealing.Context {
	parts := append(strings.Split(text, "\x00"), make([]string, 6)...)
	return sealing.Context{
		Fleet: parts[0], Scope: api.Scope(parts[1]), Group: parts[2], Kind: parts[3], Namespace: parts[4], Name: parts[5],
		Fields: parts[6:],
	}
}

func sameContext(a, b sealing.Context) bool {
	return a.Fleet == b.Fleet && a.Scope == b.Scope && a.Group == b.Group && a.Kind == b.Kind &&
		a.Namespace == b.Namespace && a.Name == b.Name && slices.Equal(a.Fields, b.Fields)
}

func FuzzContextBytesAreInjective(f *testing.F) {
	seeds := [][2]string{
		{"f\x00Strict\x00\x00Secret\x00ab\x00c\x00/data/x", "f\x00Strict\x00\x00Secret\x00a\x00bc\x00/data/x"},
		{"f\x00Strict\x00\x00Secret\x00n\x00x\x00/data/a\x00/data/b",
			"f\x00Strict\x00\x00Secret\x00n\x00x\x00/data/a/data/b"},
		{"f\x00Strict\x00g\x00Secret", "f\x00Strict\x00\x00gSecret"},
		{"fStrict\x00\x00", "f\x00Strict\x00"},
		{"", "\x00\x00\x00\x00\x00\x00"},
		{"\x00\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x01"},
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, seed := range seeds {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		ca, cb := split(a), split(b)
		if same := sameContext(ca, cb); same != (string(ca.Bytes()) == string(cb.Bytes())) ||
			same != (ca.Digest() == cb.Digest()) {
			t.Errorf("same context: %v, but the bytes say otherwise:\n%x\n%x", same, ca.Bytes(), cb.Bytes())
		}
	})
}

// Every element alone, and no other way, makes another digest and another info.
func TestEveryElementOfTheContextIsBound(t *testing.T) {
	changes := map[string]func(*sealing.Context){
		"fleet":     func(c *sealing.Context) { c.Fleet += "0" },
		"scope":     func(c *sealing.Context) { c.Scope = api.ScopeNamespace },
		"group":     func(c *sealing.Context) { c.Group = "example.com" },
		"kind":      func(c *sealing.Context) { c.Kind = "ConfigMap" },
		"namespace": func(c *sealing.Context) { c.Namespace = "shop" },
		"name":      func(c *sealing.Context) { c.Name = "shop-db" },
		"a field":   func(c *sealing.Context) { c.Fields = []string{"/data/password", "/data/users"} },
		"no field":  func(c *sealing.Context) { c.Fields = c.Fields[:1] },
	}
	seen := map[[32]byte]string{testContext().Digest(): "the original"}
	for name, change := range changes {
		c := testContext()
		change(&c)
		if other, ok := seen[c.Digest()]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[c.Digest()] = name
	}
}
