package sealing_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"path"
	"strings"
	"testing"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// seeds adds what pick finds in every vector, and fails when that is nothing:
// a fuzz target without seeds tests nothing and stays green.
func seeds(f *testing.F, pick func(v vector) []string) {
	f.Helper()
	added := map[string]bool{}
	for _, v := range readVectors(f) {
		for _, text := range pick(v) {
			if !added[text] {
				added[text] = true
				f.Add(text)
			}
		}
	}
	if len(added) == 0 {
		f.Fatal("no seeds")
	}
}

// FuzzPayload: what parses is the armor of its own bytes, and its header is
// what age would write.
func FuzzPayload(f *testing.F) {
	seeds(f, func(v vector) []string { return []string{v.Block.Payload} })
	f.Fuzz(func(t *testing.T, armored string) {
		payload, err := sealing.ParsePayload(armored)
		if err != nil {
			return
		}
		file := dearmor(t, armored)
		header, err := age.ExtractHeader(bytes.NewReader(file))
		if err != nil || !bytes.HasPrefix(file, header) {
			t.Fatalf("parses, but its header marshals to other bytes (%v):\n%q", err, file)
		}
		again, err := sealing.EncodeArmor(file)
		if err != nil {
			t.Fatal(err)
		}
		if again != armored {
			t.Fatalf("parses, but marshals to other bytes:\n%q\n%q", armored, again)
		}
		if payload.Hash() != hashOf(armored) {
			t.Error("hash is not over the text")
		}
	})
}

// FuzzStanza: what parses marshals back to the same bytes.
func FuzzStanza(f *testing.F) {
	for _, text := range stanzaSeeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stanza, err := sealing.ParseStanza([]byte(text))
		if err != nil {
			return
		}
		if got := string(stanza.Marshal()); got != text {
			t.Fatalf("parses, but marshals to other bytes:\n%q\n%q", text, got)
		}
	})
}

func stanzaSeeds(f *testing.F) []string {
	f.Helper()
	identity := newIdentity(f, "fuzz")
	stanza, err := sealing.WrapFor(hybridRecipient(f, identity), make([]byte, sealing.FileKeySize))
	if err != nil {
		f.Fatal(err)
	}
	text := string(stanza.Marshal())
	return []string{text, stray(text), strings.Replace(text, " ", "  ", 1), strings.ReplaceAll(text, "\n", "\r\n"),
		text + "\n", ""}
}

// FuzzLock: what CheckLock passes is one canonical spelling, of a length that
// the suite has, and the opener never sees anything else.
func FuzzLock(f *testing.F) {
	seeds(f, func(v vector) (texts []string) {
		for _, lock := range v.Block.Locks {
			texts = append(texts, lock.Target+" "+lock.Ciphertext)
		}
		return texts
	})
	f.Fuzz(func(t *testing.T, text string) {
		target, ciphertext, _ := strings.Cut(text, " ")
		for _, suite := range suites {
			lock := api.Lock{Target: target, Key: keyID, Ciphertext: ciphertext}
			if sealing.CheckLock(suite, lock) != nil {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(ciphertext)
			if err != nil || base64.StdEncoding.EncodeToString(raw) != ciphertext {
				t.Fatalf("passes, but is not canonical: %q", ciphertext)
			}
			if parsed, err := sealing.ParseTarget(target); err != nil || parsed.String() != target {
				t.Fatalf("passes, but its target is not canonical: %q", target)
			}
		}
	})
}

// FuzzValues: plaintext that decodes encodes back to the same bytes.
func FuzzValues(f *testing.F) {
	fields := testContext().Fields
	texts := []string{`{"/data/password":"YQ==","/data/user":""}`}
	for _, r := range valueRecipes() {
		texts = append(texts, r.plaintext)
	}
	if len(texts) < 10 {
		f.Fatalf("%d seeds", len(texts))
	}
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := sealing.DecodeValues(fields, []byte(text))
		if err != nil {
			return
		}
		got, err := sealing.EncodeValues(values)
		if err != nil || string(got) != text {
			t.Fatalf("decodes, but encodes to other bytes: %q, %q (%v)", text, got, err)
		}
	})
}

// FuzzOpen: whatever a sealer of bad faith writes, the cluster gets values of
// exactly its fields or an error, never a panic.
func FuzzOpen(f *testing.F) {
	seeds(f, func(v vector) []string { return []string{v.Block.Payload} })
	identity := newIdentity(f, "bulla vector recovery")
	f.Fuzz(func(t *testing.T, armored string) {
		payload, err := sealing.ParsePayload(armored)
		if err != nil {
			return
		}
		values, err := payload.OpenWith(testContext(), identity)
		if err == nil && len(values) != len(testContext().Fields) {
			t.Fatalf("%d values for %d fields", len(values), len(testContext().Fields))
		}
	})
}

// FuzzPublicKey: a key that parses has one spelling.
func FuzzPublicKey(f *testing.F) {
	seeds(f, func(v vector) []string { return []string{v.PublicKey, strings.ToUpper(v.PublicKey)} })
	f.Fuzz(func(t *testing.T, text string) {
		for _, suite := range suites {
			if key, err := sealing.ParsePublicKey(suite, text); err == nil && key.String() != text {
				t.Fatalf("%q parses as %q", text, key)
			}
		}
	})
}

// TestThereAreVectors holds the number of seeds and vectors from below: a
// checkout that lost its testdata must not pass.
func TestThereAreVectors(t *testing.T) {
	const atLeast = 140
	if got := len(readVectors(t)); got < atLeast {
		t.Errorf("%d vectors, want at least %d", got, atLeast)
	}
	if want := len(recipes()); want != len(readVectors(t)) {
		t.Errorf("%d vectors, but %d recipes: run go test -run TestVectors -update", len(readVectors(t)), want)
	}
	for name := range recipes() {
		if _, err := fs.Stat(testdata(), path.Join(vectorDir, name+".json")); err != nil {
			t.Errorf("%v: run go test -run TestVectors -update", err)
		}
	}
}

// FuzzRootSuccession: a fleet verifies with a list of successions only if each
// was signed as it stands. Every process of the fuzzer derives the same keys.
func FuzzRootSuccession(f *testing.F) {
	first, second, third := fuzzRoot(f, "first"), fuzzRoot(f, "second"), fuzzRoot(f, "third")
	spec := &api.FleetSpec{ID: "6f1c0000000000000000000000000001", Serial: 9}
	var genuine []string
	for i, keys := range [][2]*ecdsa.PrivateKey{{first, second}, {second, third}} {
		link, err := sealing.SignSuccession(spec.ID, int64(i+2), "acme", keys[0], verifierKey(keys[1]))
		if err != nil {
			f.Fatal(err)
		}
		genuine = append(genuine, link)
	}
	f.Add(genuine[0], genuine[1])
	f.Add(genuine[1], genuine[0])
	f.Add(genuine[0], genuine[0])
	f.Add(genuine[0], "")
	f.Add(strings.Replace(genuine[0], "serial 2", "serial 3", 1), genuine[1])
	f.Fuzz(func(t *testing.T, one, two string) {
		candidate := *spec
		candidate.RootSuccession = []string{one, two}
		if err := sealing.SignFleet(&candidate, "acme", third); err != nil {
			t.Fatal(err)
		}
		err := sealing.VerifyFleet(&candidate, verifierKey(first))
		text := func(note string) string { text, _, _ := strings.Cut(note, "\n\n"); return text }
		honest := text(one) == text(genuine[0]) && text(two) == text(genuine[1])
		if err == nil && !honest {
			t.Fatalf("verifies:\n%q\n%q", one, two)
		}
		if err != nil && one == genuine[0] && two == genuine[1] {
			t.Fatalf("the genuine line does not verify: %v", err)
		}
	})
}

func fuzzRoot(f *testing.F, label string) *ecdsa.PrivateKey {
	f.Helper()
	scalar := sha256.Sum256([]byte("FuzzRootSuccession " + label))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		f.Fatal(err)
	}
	return key
}
