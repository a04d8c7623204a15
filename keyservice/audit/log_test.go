package audit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/sealing"
)

const fleet = "00112233445566778899aabbccddeeff"

// merkle is a log in memory.
type merkle struct {
	t      testing.TB
	size   int64
	leaves [][]byte
	hashes []tlog.Hash
}

func newMerkle(t testing.TB, leaves ...string) *merkle {
	m := &merkle{t: t}
	for _, leaf := range leaves {
		m.add([]byte(leaf))
	}
	return m
}

func numbered(t testing.TB, n int) *merkle {
	m := newMerkle(t)
	for i := range n {
		m.add(fmt.Appendf(nil, "entry %d", i))
	}
	return m
}

func (m *merkle) add(leaf []byte) {
	m.t.Helper()
	hashes, err := tlog.StoredHashes(m.size, leaf, m)
	m.must(err)
	m.hashes, m.leaves, m.size = append(m.hashes, hashes...), append(m.leaves, leaf), m.size+1
}

func (m *merkle) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// ReadHashes implements tlog.HashReader.
func (m *merkle) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = m.hashes[index]
	}
	return out, nil
}

// at is the checkpoint of the first n entries.
func (m *merkle) at(n int64) audit.Checkpoint {
	m.t.Helper()
	root, err := tlog.TreeHash(n, m)
	m.must(err)
	return audit.Checkpoint{Origin: audit.Origin(fleet), Size: n, Root: root}
}

func (m *merkle) inclusion(size, index int64) [][]byte {
	m.t.Helper()
	proof, err := tlog.ProveRecord(size, index, m)
	m.must(err)
	return raw(proof)
}

func (m *merkle) consistency(older, newer int64) [][]byte {
	m.t.Helper()
	if older == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(newer, older, m)
	m.must(err)
	return raw(proof)
}

func raw(hashes []tlog.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i, hash := range hashes {
		out[i] = append([]byte{}, hash[:]...)
	}
	return out
}

// newLogKey gives a signer of the log and its verifier.
func newLogKey(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sealing.NewSigner(name, key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sealing.NewVerifier(sealing.VerifierKey(name, &key.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}
