package sealing_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
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

// formerJSON is how templates were written for digests before [canonical.JSON].
func formerJSON(raw []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil || value == nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("trailing data")
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

func holdTemplate(t *testing.T, raw []byte) {
	t.Helper()
	former, errFormer := formerJSON(raw)
	got, err := sealing.CanonicalJSON(raw)
	if (err == nil) != (errFormer == nil) || !bytes.Equal(former, got) {
		t.Errorf("%s\nis     %s, %v\nbefore %s, %v", raw, got, err, former, errFormer)
	}
}

// TestTheDigestsThatThereAreStay: of every stub that parses.
func TestTheDigestsThatThereAreStay(t *testing.T) {
	files, err := filepath.Glob("../api/fleet/testdata/parse/stub/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if stub, err := api.ParseSealedManifest(file, data); err == nil {
			holdTemplate(t, stub.Spec.Template)
			held++
		}
	}
	if held < 3 {
		t.Fatalf("%d stubs", held)
	}
	for _, raw := range awkwardTemplates {
		holdTemplate(t, []byte(raw))
	}
}

var awkwardTemplates = []string{
	`{"metadata":{"annotations":{"a":"<&>\u2028\u2029\u0000\u001f\b\f\n\r\t\"\\\/\u007f\ufeff😀"}},"immutable":true}`,
	`{"type":"\ud800","b":"\udc00x"}`, `{"a":"` + "\xff\xfe" + `"}`, `{"a":"` + "\u2028" + `"}`, `{}`, `{"a":null}`,
	`null`, `[]`, `{} {}`,
	`{"":"","a.b/c":"","a-b":"","A":"","_":"","0":""}`,
}

// FuzzTheDigestsThatThereAreStay fills a template's texts, as a parsed stub has it.
func FuzzTheDigestsThatThereAreStay(f *testing.F) {
	f.Add("", "a", true)
	f.Add("<&>\u2028\u2029\x00\x1f\b\f\"\\", "\xff\xed\xa0\x80😀\ufffd", false)
	f.Fuzz(func(t *testing.T, annotation, typ string, immutable bool) {
		raw, err := json.Marshal(map[string]any{"apiVersion": "v1", "type": typ, "immutable": immutable,
			"data":     map[string]string{"a": "YQ=="},
			"metadata": map[string]any{"annotations": map[string]string{"b.c/d": annotation, "B": typ}}})
		if err != nil {
			t.Fatal(err)
		}
		holdTemplate(t, raw)
	})
}
