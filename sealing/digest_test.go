package sealing_test

import (
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

func digestStub() *api.SealedManifest {
	return &api.SealedManifest{
		Metadata: api.Metadata{Name: "db"},
		Spec: api.SealedManifestSpec{
			Template: []byte(`{"apiVersion":"v1","kind":"Secret","type":"a<b"}`),
			Blocks: []api.Block{
				{Fields: []string{"/data/a", "/data/b"}, Payload: "one", Locks: []api.Lock{{Target: "set/x"}}},
				{Fields: []string{"/data/c"}, Payload: "two"},
			},
		},
	}
}

func TestTheContentDigestChangesWithContentAlone(t *testing.T) {
	digest := func(fleet string, change func(*api.SealedManifestSpec)) string {
		t.Helper()
		stub := digestStub()
		change(&stub.Spec)
		got, err := sealing.ContentDigest(fleet, stub)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	original := digest("f", func(*api.SealedManifestSpec) {})
	const pinned = "sha256:ff3cb4a0da859437f9c4a946775903042c1533e7fb55b6aabf80f41df4b85b42"
	if original != pinned {
		t.Errorf("digest %s, want %s: every secret of every fleet would roll", original, pinned)
	}
	for name, change := range map[string]func(*api.SealedManifestSpec){
		"another lock": func(s *api.SealedManifestSpec) {
			s.Blocks[0].Locks = append(s.Blocks[0].Locks, api.Lock{Target: "set/y"})
		},
		"another key": func(s *api.SealedManifestSpec) { s.Blocks[0].Locks[0].Key = "2027" },
		"spaces in the template": func(s *api.SealedManifestSpec) {
			s.Template = []byte("{ \"kind\":\"Secret\",\n\"apiVersion\":\"v1\",\"type\":\"a\\u003cb\" }")
		},
	} {
		if got := digest("f", change); got != original {
			t.Errorf("%s changed the digest", name)
		}
	}
	seen := map[string]string{original: "the original", digest("g", func(*api.SealedManifestSpec) {}): "another fleet"}
	if len(seen) != 2 {
		t.Error("another fleet has the same digest")
	}
	for name, change := range map[string]func(*api.SealedManifestSpec){
		"another template": func(s *api.SealedManifestSpec) {
			s.Template = []byte(`{"apiVersion":"v1","kind":"Secret","type":"c"}`)
		},
		"another payload": func(s *api.SealedManifestSpec) { s.Blocks[1].Payload = "three" },
		"another field":   func(s *api.SealedManifestSpec) { s.Blocks[1].Fields[0] = "/data/d" },
		"fields in one":   func(s *api.SealedManifestSpec) { s.Blocks[0].Fields = []string{"/data/a/data/b"} },
		"blocks in another order": func(s *api.SealedManifestSpec) {
			s.Blocks[0], s.Blocks[1] = s.Blocks[1],
				s.Blocks[0]
		},
		"one block less": func(s *api.SealedManifestSpec) { s.Blocks = s.Blocks[:1] },
		"a payload moved to the next": func(s *api.SealedManifestSpec) {
			s.Blocks[0].Payload, s.Blocks[1].Payload = "onet",
				"wo"
		},
	} {
		got := digest("f", change)
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[got] = name
	}
}

func TestTheContentDigestNeedsATemplate(t *testing.T) {
	for _, raw := range []string{"", "null", "[]", `{} {}`, `{`} {
		stub := digestStub()
		stub.Spec.Template = []byte(raw)
		if got, err := sealing.ContentDigest("f", stub); err == nil {
			t.Errorf("template %q has digest %s", raw, got)
		}
	}
}
