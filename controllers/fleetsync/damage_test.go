package fleetsync

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/runtime/conditions"
)

// A disk that spoils a file of the mirror must not look like a decision of Git
// until somebody happens to commit.
func TestADamagedMirrorHealsThoughGitDoesNotMove(t *testing.T) {
	w := newWorld(t)
	var noise strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&noise, "  k%d: %s\n", i, rand.Text())
	}
	w.place("one", several(2)...)
	w.commit("add a large file", map[string]*string{"apps/app-1/large.yaml": new("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n" + noise.String())})
	head := w.synced().Status.Head
	built := len(w.snapshots.Load().Placed("app-1").Build.Objects)
	w.stop()
	spoilLargestPack(t, w.storage)
	w.start()
	w.eventually("the mirror is fetched again", func() bool {
		placed := w.snapshots.Load().Placed("app-1")
		return conditions.IsReady(w.sync()) && placed != nil && placed.Err == nil && len(placed.Build.Objects) == built
	})
	if got := w.get().Status.Head; got != head {
		t.Errorf("head is %s, want %s", got, head)
	}
}

func spoilLargestPack(t *testing.T, storage string) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(storage, "*", "objects-*", "objects", "pack", "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	var largest string
	var data []byte
	for _, pack := range packs {
		content, err := os.ReadFile(pack)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > len(data) {
			largest, data = pack, content
		}
	}
	if len(data) < 20_000 {
		t.Fatalf("the large file is in none of %d packs", len(packs))
	}
	for i := len(data) / 2; i < len(data)/2+32; i++ {
		data[i] ^= 0x55
	}
	if err := os.Chmod(largest, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(largest, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
