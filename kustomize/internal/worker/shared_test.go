package worker

import (
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/kustomize/wire"
)

// listed are files as a build sees them, by path.
type listed map[string]string

func (l listed) Stat(p string) (Kind, error) {
	if _, ok := l[p]; ok {
		return File, nil
	}
	for name := range l {
		if p == "." || strings.HasPrefix(name, p+"/") {
			return Dir, nil
		}
	}
	return None, nil
}

func (l listed) Read(p string) ([]byte, bool, error) { text, ok := l[p]; return []byte(text), ok, nil }

func (listed) Aside(string) bool { return false }

func (l listed) List(p string) (names []string, ok bool, err error) {
	for name := range l {
		if path.Dir(name) == p {
			names = append(names, path.Base(name))
		}
	}
	return names, len(names) > 0, nil
}

func (listed) Wired() ([]wire.Stub, error) { return nil, nil }

const patched = "resources: [a.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: Pod\n    " +
	"metadata: {name: a}\n    spec: {containers: [{name: side, image: side:1}]}\n"

// ownSchema has kustomize replace a Pod's containers, and not merge them.
const ownSchema = `{"swagger":"2.0","info":{"title":"x","version":"v1"},"paths":{},` +
	`"definitions":{"v1.Pod":{"type":"object",` +
	`"properties":{"spec":{"type":"object","properties":{"containers":{"type":"array","items":{"type":"object"},` +
	`"x-kubernetes-patch-strategy":"replace"}}}},"x-kubernetes-group-version-kind":[{"group":"","kind":"Pod",` +
	`"version":"v1"}]}}}`

func shareable(t *testing.T) *Shared {
	t.Helper()
	s, err := NewShared(Options{Timeout: time.Minute, Memory: 512 << 20, Output: 1 << 20, Objects: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	return s
}

const aPod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: main, image: m}]}\n"

var builds = listed{
	"plain/kustomization.yaml": patched,
	"plain/a.yaml":             aPod,
	"own/kustomization.yaml":   patched + "openapi: {path: schema.json}\n",
	"own/schema.json":          ownSchema,
	"own/a.yaml":               aPod,
}

// TestASharedProcessForgets: even a build with a schema of its own, which nobody lets in,
// would change nothing of the next one.
func TestASharedProcessForgets(t *testing.T) {
	s := shareable(t)
	all := func(string, []byte) bool { return false }
	for _, folder := range []string{"plain", "own", "plain", "own", "plain"} {
		result, err := s.Build(t.Context(), builds, folder, all)
		if err != nil {
			t.Fatal(err)
		}
		if merged := strings.Contains(string(result.Objects[0]), "main"); merged != (folder == "plain") {
			t.Errorf("%s after others builds %s", folder, result.Objects[0])
		}
		if result.Confinement != s.confinement || !result.Confinement.Seccomp {
			t.Errorf("the confinement is %+v", result.Confinement)
		}
	}
	if s.Builds() != 5 || !s.Usable() {
		t.Errorf("%d builds, usable: %v", s.Builds(), s.Usable())
	}
}

// TestASharedProcessDoesNotReadWhatIsApart, and goes on: a build that fails does not end it.
func TestASharedProcessDoesNotReadWhatIsApart(t *testing.T) {
	s := shareable(t)
	apart := func(p string, data []byte) bool { return strings.Contains(string(data), "openapi") }
	for _, folder := range []string{"plain", "own", "nowhere", "plain"} {
		if _, err := s.Build(t.Context(), builds, folder, apart); (err == nil) != (folder == "plain") {
			t.Errorf("%s: %v", folder, err)
		} else if err != nil && !errors.Is(err, ErrApart) {
			t.Errorf("%s: %v, want that it has to be built alone", folder, err)
		}
	}
	if !s.Usable() {
		t.Error("what failed ended it")
	}
	s.child.kill()
	if _, err := s.Build(t.Context(), builds, "plain", apart); !errors.Is(err, ErrApart) || s.Usable() {
		t.Errorf("one that was killed: %v, usable: %v", err, s.Usable())
	}
}
