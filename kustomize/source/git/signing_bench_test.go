package git

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/signer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// BenchmarkVerifyCommits is 100 signed commits, each of one cluster's file among
// 500 in a fleet of 500 applications: what a controller does that was away for a
// day.
func BenchmarkVerifyCommits(b *testing.B) {
	const commits = 100
	key := signer.SSH(b, ada)
	_, r, _ := repo(b)
	f := testfleet.Two().With(testfleet.Files{"fleet.yaml": fleetWith(b, by(guardedPaths, key))})
	for i := range 500 {
		f[fmt.Sprintf("clusters/region-%d/c%d.yaml", i%10, i)] = fmt.Sprintf("%d\n", i)
		f[fmt.Sprintf("apps/app-%d/a.yaml", i)] = testfleet.ConfigMap("a")
	}
	last := push(b, r, f)
	must(b, key.Signs(r))
	for i := range commits {
		must(
			b,
			os.WriteFile(
				filepath.Join(r.Dir(), fmt.Sprintf("clusters/region-%d/c%d.yaml", i%10, i)),
				[]byte("changed\n"),
				0o600,
			),
		)
		_, err := r.Git("commit", "--quiet", "--all", "--message", "change")
		must(b, err)
	}
	head, err := r.Push()
	must(b, err)
	dir := b.TempDir()
	m := mirror(b, r, dir, Limits{})
	fetch(b, m)
	for b.Loop() {
		m := mirror(b, r, dir, Limits{}) // nothing kept in memory
		v, err := m.Vouch(b.Context(), source.Acceptance{Head: head, Last: last, Now: time.Now()})
		if err != nil || v.Signatures != commits {
			b.Fatalf("%+v, %v", v, err)
		}
	}
}
