package keyservice_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestADamagedMirrorHealsThoughGitDoesNotMove: what a disk spoiled is fetched
// again, and the next request is granted, without a commit that nobody makes.
func TestADamagedMirrorHealsThoughGitDoesNotMove(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	f.stop()
	packs, err := filepath.Glob(filepath.Join(f.dir, "mirror", "objects-*", "objects", "pack", "*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("find packs: %v, %v", packs, err)
	}
	// The head's own commit and trees may be in any of them, the stub's blob is
	// the largest object of the last: spoil its bytes only.
	spoiled := spoilLargest(t, packs)
	f.start(2)
	eu := f.eu.dial()
	defer eu.Close()
	f.eventually("the spoiled "+filepath.Base(spoiled)+" is fetched again", func() bool {
		// An unknown revision asks for a look, as the interval does.
		answers, err := eu.Unseal(t.Context(), strings.Repeat("e", 40), []string{f.digest})
		return err == nil && answers.Results[f.digest].Granted()
	})
}

// spoilLargest turns the bytes in the middle of the largest file.
func spoilLargest(t *testing.T, files []string) string {
	t.Helper()
	var largest string
	var data []byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > len(data) {
			largest, data = file, content
		}
	}
	for i := len(data) / 2; i < len(data)/2+32; i++ {
		data[i] ^= 0x55
	}
	if err := errors.Join(os.Chmod(largest, 0o600), os.WriteFile(largest, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	return largest
}
