package sealing_test

import (
	"bytes"
	"compress/zlib"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"c2sp.org/CCTV/age"
	"filippo.io/age"
	"filippo.io/age/armor"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// cctv is one of the age vectors of C2SP's CCTV collection.
type cctv struct {
	expect     string
	payload    string // SHA-256 of the plaintext, in hexadecimal
	fileKey    []byte
	identities []age.Identity
	armored    bool
	file       []byte
}

// minCCTV is how many vectors the pinned version of the collection has: a
// collection that moved away must not pass by testing nothing.
const minCCTV = 147

func forEachCCTV(t *testing.T, f func(t *testing.T, v cctv)) {
	names, err := fs.Glob(agetest.Vectors, "*")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < minCCTV {
		t.Fatalf("%d vectors, want at least %d", len(names), minCCTV)
	}
	for _, name := range names {
		contents, err := fs.ReadFile(agetest.Vectors, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { f(t, parseCCTV(t, contents)) })
	}
}

func parseCCTV(t *testing.T, contents []byte) cctv {
	t.Helper()
	head, file, ok := bytes.Cut(contents, []byte("\n\n"))
	if !ok {
		t.Fatal("vector has no file")
	}
	v := cctv{file: file}
	compressed := false
	for line := range strings.Lines(string(head)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		var err error
		switch key {
		case "expect":
			v.expect = value
		case "payload":
			v.payload = value
		case "file key":
			v.fileKey, err = hex.DecodeString(value)
		case "identity":
			v.identities = append(v.identities, cctvIdentity(t, value))
		case "passphrase":
			var id *age.ScryptIdentity
			id, err = age.NewScryptIdentity(value)
			v.identities = append(v.identities, id)
		case "armored":
			v.armored = true
		case "compressed":
			compressed = true
		case "comment":
		default:
			t.Fatalf("unknown line %q", key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if compressed {
		r, err := zlib.NewReader(bytes.NewReader(v.file))
		if err != nil {
			t.Fatal(err)
		}
		if v.file, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func cctvIdentity(t *testing.T, text string) age.Identity {
	t.Helper()
	if id, err := age.ParseX25519Identity(text); err == nil {
		return id
	}
	id, err := age.ParseHybridIdentity(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// The library that reads every answer and payload reads age as specified.
func TestCCTVVectorsOpenAsTheySay(t *testing.T) {
	forEachCCTV(t, func(t *testing.T, v cctv) {
		var in io.Reader = bytes.NewReader(v.file)
		if v.armored {
			in = armor.NewReader(in)
		}
		plaintext := sha256.New()
		out, err := age.Decrypt(in, v.identities...)
		if err == nil {
			_, err = io.Copy(plaintext, out)
		}
		if (err == nil) != (v.expect == "success") {
			t.Fatalf("%v, want %s", err, v.expect)
		}
		if got := hex.EncodeToString(plaintext.Sum(nil)); v.payload != "" && got != v.payload {
			t.Errorf("released plaintext has SHA-256 %s, want %s", got, v.payload)
		}
	})
}

// No age file but a payload of ours is a payload: also not a valid one.
func TestCCTVFilesAreNoPayloads(t *testing.T) {
	forEachCCTV(t, func(t *testing.T, v cctv) {
		text := string(v.file)
		if !v.armored {
			text = armored(t, v.file)
		}
		if _, err := sealing.ParsePayload(text); !isRefusal(err) {
			t.Fatalf("%v, want a refusal", err)
		}
	})
}

// What follows the header is held to age's STREAM under our header too: a
// vector's ciphertext, carried under a payload header of its file key, opens
// only if the vector does, and then is refused for not being values.
func TestCCTVStreamsAreHeldToTheSpecification(t *testing.T) {
	tried := 0
	forEachCCTV(t, func(t *testing.T, v cctv) {
		_, stream, ok := bytes.Cut(v.file, []byte("\n--- "))
		_, stream, found := bytes.Cut(stream, []byte("\n"))
		if !ok || !found || v.armored || len(v.fileKey) != 16 || (v.expect != "success" && v.expect != "payload failure") {
			return
		}
		tried++
		where := testContext()
		payload, err := sealing.ParsePayload(armored(t, append(payloadHeader(t, where, v.fileKey), stream...)))
		if err != nil {
			if !isRefusal(err) || v.expect == "success" && len(v.file) < api.MaxStubSize/2 {
				t.Fatalf("parse: %v", err)
			}
			return
		}
		values, err := payload.Open(where, v.fileKey)
		if values != nil || !isRefusal(err) {
			t.Fatalf("opened with %v, want a refusal", err)
		}
		if authentic := !errors.Is(err, sealing.ErrOpen); authentic != (v.expect == "success") {
			t.Errorf("refused with %v, but the vector says %s", err, v.expect)
		}
	})
	if tried < 25 {
		t.Fatalf("%d streams tried, want at least 25", tried)
	}
}

// payloadHeader is the header of a payload bound to where (C2SP age.md, header).
func payloadHeader(t *testing.T, where sealing.Context, fileKey []byte) []byte {
	t.Helper()
	digest := where.Digest()
	header := "age-encryption.org/v1\n-> bulla.dev/lock " + base64.RawStdEncoding.EncodeToString(digest[:]) + "\n\n---"
	key, err := hkdf.Key(sha256.New, fileKey, nil, "header", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header))
	return []byte(header + " " + base64.RawStdEncoding.EncodeToString(mac.Sum(nil)) + "\n")
}

func armored(t *testing.T, file []byte) string {
	t.Helper()
	var text strings.Builder
	w := armor.NewWriter(&text)
	if _, err := w.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func isRefusal(err error) bool {
	var refused *sealing.Error
	return errors.As(err, &refused)
}
