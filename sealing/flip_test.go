package sealing_test

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"filippo.io/age/armor"
	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

// checkFlip wants a changed block to fail. Nothing that stands in a stub may
// be changed without a refusal: there is no byte that means nothing.
func checkFlip(t *testing.T, what string, i int, values map[string]string, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s, byte %d flipped: opened (same meaning: %v)", what, i, cmp.Equal(values, testValues()))
	}
	for _, value := range testValues() {
		if strings.Contains(err.Error(), value) {
			t.Fatalf("%s, byte %d flipped: the error holds a value", what, i)
		}
	}
}

func flipped(text string, i int, mask byte) string {
	raw := []byte(text)
	raw[i] ^= mask
	return string(raw)
}

func TestEveryFlippedByteOfAPayloadIsRefused(t *testing.T) {
	w := newWorld(t, api.SuiteP256)
	block := w.seal(t)
	stanza, err := softkey.Unlock(t.Context(), w.opener, testContext(), block, block.Locks[0], w.suite,
		w.cluster.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	fileKey, err := sealing.OpenStanza(w.cluster, stanza)
	if err != nil {
		t.Fatal(err)
	}
	// check opens a changed payload on every path: through a lock, with the
	// right file key, with the recovery key.
	check := func(what string, i int, armored string) {
		changed := *block
		changed.Payload = armored
		values, err := w.open(t, testContext(), &changed, block.Locks[0])
		checkFlip(t, what+" through its lock", i, values, err)
		values, err = w.openRecovery(testContext(), &changed)
		checkFlip(t, what+" with the recovery key", i, values, err)
		if payload, err := sealing.ParsePayload(armored); err == nil {
			values, err = payload.Open(testContext(), fileKey)
			checkFlip(t, what+" with its file key", i, values, err)
		}
	}
	for i := range block.Payload {
		check("armor", i, flipped(block.Payload, i, []byte{0x01, 0x20, 0x80}[i%3]))
	}
	file := dearmor(t, block.Payload)
	for i := range file {
		armored, err := sealing.EncodeArmor([]byte(flipped(string(file), i, 0x01)))
		if err != nil {
			t.Fatal(err)
		}
		check("file", i, armored)
	}
	for i := 0; i < len(file); i += 5 {
		armored, err := sealing.EncodeArmor(file[:i])
		if err != nil {
			t.Fatal(err)
		}
		check("cut file", i, armored)
	}
}

func dearmor(t testing.TB, armored string) []byte {
	t.Helper()
	file, err := io.ReadAll(armor.NewReader(strings.NewReader(armored)))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEveryFlippedByteOfALockIsRefused(t *testing.T) {
	for _, suite := range suites {
		w := newWorld(t, suite)
		block := w.seal(t)
		for _, lock := range block.Locks {
			raw, err := base64.StdEncoding.DecodeString(lock.Ciphertext)
			if err != nil {
				t.Fatal(err)
			}
			for i := range raw {
				changed := lock
				changed.Ciphertext = base64.StdEncoding.EncodeToString([]byte(flipped(string(raw), i, 0x01)))
				values, err := w.open(t, testContext(), block, changed)
				checkFlip(t, string(suite)+" "+lock.Target+" ciphertext", i, values, err)
			}
			for i := range lock.Ciphertext {
				// Every byte is flipped above; this is about their spelling.
				if i%16 != 0 && i < len(lock.Ciphertext)-8 {
					continue
				}
				changed := lock
				changed.Ciphertext = flipped(lock.Ciphertext, i, 0x20)
				values, err := w.open(t, testContext(), block, changed)
				checkFlip(t, string(suite)+" "+lock.Target+" base64", i, values, err)
			}
			for i := range lock.Target {
				changed := lock
				changed.Target = flipped(lock.Target, i, 0x01)
				values, err := w.open(t, testContext(), block, changed)
				checkFlip(t, string(suite)+" target", i, values, err)
			}
			for i := range lock.Key {
				changed := lock
				changed.Key = flipped(lock.Key, i, 0x01)
				values, err := w.open(t, testContext(), block, changed)
				checkFlip(t, string(suite)+" key", i, values, err)
			}
		}
	}
}

func TestEveryFlippedByteOfTheContextIsRefused(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	elements := map[string]func(*sealing.Context) *string{
		"fleet":     func(c *sealing.Context) *string { return &c.Fleet },
		"scope":     func(c *sealing.Context) *string { return (*string)(&c.Scope) },
		"kind":      func(c *sealing.Context) *string { return &c.Kind },
		"namespace": func(c *sealing.Context) *string { return &c.Namespace },
		"name":      func(c *sealing.Context) *string { return &c.Name },
		"field 0":   func(c *sealing.Context) *string { return &c.Fields[0] },
		"field 1":   func(c *sealing.Context) *string { return &c.Fields[1] },
	}
	for name, element := range elements {
		for i := range *element(ptr(testContext())) {
			c := testContext()
			at := element(&c)
			*at = flipped(*at, i, 0x01)
			for _, lock := range block.Locks {
				values, err := w.open(t, c, block, lock)
				checkFlip(t, name+" of the context", i, values, err)
			}
			values, err := w.openRecovery(c, block)
			checkFlip(t, name+" of the context, recovery", i, values, err)
		}
	}
	grouped := testContext()
	grouped.Group = "example.com"
	values, err := w.open(t, grouped, block, block.Locks[0])
	checkFlip(t, "group", 0, values, err)
}

// Whole parts exchanged between two honest blocks of one fleet.
func TestPartsOfTwoBlocksDoNotMix(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	one, two := w.seal(t), w.seal(t)
	mixed := *one
	mixed.Payload = two.Payload
	values, err := w.open(t, testContext(), &mixed, one.Locks[0])
	checkFlip(t, "a payload of another block", 0, values, err)
	values, err = w.open(t, testContext(), one, two.Locks[0])
	checkFlip(t, "a lock of another block", 0, values, err)
	// The right stanza of the wrong block.
	stanza, err := softkey.Unlock(t.Context(), w.opener, testContext(), two, two.Locks[0], w.suite, w.cluster.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	fileKey, err := sealing.OpenStanza(w.cluster, stanza)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := sealing.ParsePayload(one.Payload)
	if err != nil {
		t.Fatal(err)
	}
	values, err = payload.Open(testContext(), fileKey)
	checkFlip(t, "a file key of another block", 0, values, err)
}
