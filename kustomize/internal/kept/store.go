package kept

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/asked"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Bounds on what a store keeps on disk.
const (
	maxKept     = 4 << 20  // bytes of one build
	maxStore    = 64 << 20 // bytes in all
	storeFolder = "bulla"
)

// Store keeps builds between runs of a program, each with what it asked its
// tree and was answered: it holds for a tree that answers the same, and for no
// other. It belongs where no commit can write, which is Git's own folder, and has
// nothing that the repository has not: builds hold no sealed values.
type Store struct {
	root *os.Root
	// version is of the program: another one may build something else.
	version string
}

// OpenStore opens or makes the store in Git's folder of a repository.
func OpenStore(gitDir, version string) (*Store, error) {
	git, err := os.OpenRoot(gitDir)
	if err != nil {
		return nil, fmt.Errorf("open build store: %w", err)
	}
	defer git.Close()
	if err := git.Mkdir(storeFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open build store: %w", err)
	}
	// A Root follows no link out of its folder.
	root, err := git.OpenRoot(storeFolder)
	if err != nil {
		return nil, fmt.Errorf("open build store: %w", err)
	}
	s := &Store{root: root, version: version}
	s.bound()
	return s, nil
}

// storedBuild is a file of the store, behind the hash of its bytes.
type storedBuild struct {
	Key     string
	Answers []storedAnswer
	Digest  string
	Objects []storedObject
	Deleted []storedObject
	Files   []string
	LeftOut []string
}

type storedAnswer struct{ Kind, Path, Answer string }

type storedObject struct {
	Object json.RawMessage `json:",omitempty"`
	// Stub is the file of the stub, and File what deletes it.
	Stub, Digest, File string `json:",omitempty"`
}

func (s *Store) key(key Key) string {
	data, _ := json.Marshal([]string{s.version, key.Placement, key.spec}) // texts alone
	return asked.Hash(data)
}

// Get returns a build that holds for a tree. Whatever is wrong with a file, it is
// as if it were not there.
func (s *Store) Get(key Key, t *tree.Tree) (*Result, bool) {
	name := s.key(key)
	data, err := s.root.ReadFile(name)
	if err != nil || len(data) > maxKept {
		return nil, false
	}
	sum, body, _ := bytes.Cut(data, []byte("\n"))
	var file storedBuild
	if string(sum) != asked.Hash(body) || json.Unmarshal(body, &file) != nil || file.Key != name {
		return nil, false
	}
	r := &Result{Tree: t, Answers: asked.Answers{}}
	for _, a := range file.Answers {
		if len(a.Kind) != 1 {
			return nil, false
		}
		r.Answers[asked.Question{Kind: a.Kind[0], Path: a.Path}] = a.Answer
	}
	if len(r.Answers) == 0 || !r.Answers.Hold(t) {
		return nil, false
	}
	r.Build, err = file.build(key, t)
	return r, err == nil
}

// build makes the build again. Stubs are read from the tree, and what comes out
// must have the digest that went in.
func (kept *storedBuild) build(key Key, t *tree.Tree) (*built.Build, error) {
	b := &built.Build{Placement: key.Placement, Digest: kept.Digest, Files: kept.Files, LeftOut: kept.LeftOut}
	var in built.Entry
	stubs := stubReader{tree: t, read: map[string]*built.Stub{}}
	for _, o := range kept.Objects {
		u, err := in.Object(o.Object)
		if err != nil {
			return nil, err
		}
		stub, err := stubs.stub(o)
		if err != nil {
			return nil, err
		}
		b.Objects = append(b.Objects, built.Object{Unstructured: u, Stub: stub})
	}
	for _, o := range kept.Deleted {
		stub, err := stubs.stub(o)
		if err != nil || stub == nil {
			return nil, errors.Join(err, tree.ErrNotFound)
		}
		b.Deleted = append(b.Deleted, built.Deleted{Stub: stub, File: o.File})
	}
	if got, err := built.Digest(b.Objects); err != nil || got != b.Digest {
		return nil, errors.New("it is not the build that was kept")
	}
	return b, nil
}

// stubReader reads each stub of a kept build once.
type stubReader struct {
	tree *tree.Tree
	read map[string]*built.Stub
}

func (r *stubReader) stub(o storedObject) (*built.Stub, error) {
	if o.Stub == "" {
		return nil, nil
	}
	if stub, ok := r.read[o.Stub]; ok && stub.Digest == o.Digest {
		return stub, nil
	}
	data, err := r.tree.ReadFile(o.Stub)
	if err != nil {
		return nil, err
	}
	stub, err := built.ParseStub(o.Stub, data)
	if err != nil {
		return nil, err
	}
	if stub.Digest != o.Digest {
		return nil, errors.New("another stub")
	}
	r.read[o.Stub] = stub
	return stub, nil
}

// Put keeps a build, or does not: nobody waits for a cache.
func (s *Store) Put(key Key, r *Result) {
	kept := storedBuild{Key: s.key(key), Digest: r.Build.Digest, Files: r.Build.Files, LeftOut: r.Build.LeftOut}
	for q, answer := range r.Answers {
		kept.Answers = append(kept.Answers, storedAnswer{string(q.Kind), q.Path, answer})
	}
	for _, o := range r.Build.Objects {
		data, err := json.Marshal(o.Object)
		if err != nil {
			return
		}
		stored := storedObject{Object: data}
		if o.Stub != nil {
			stored.Stub, stored.Digest = o.Stub.Path, o.Stub.Digest
		}
		kept.Objects = append(kept.Objects, stored)
	}
	for _, d := range r.Build.Deleted {
		kept.Deleted = append(kept.Deleted, storedObject{Stub: d.Stub.Path, Digest: d.Stub.Digest, File: d.File})
	}
	body, err := json.Marshal(kept)
	if err != nil || len(body) > maxKept-100 {
		return
	}
	s.write(kept.Key, append([]byte(asked.Hash(body)+"\n"), body...))
}

// write leaves a whole file or none.
func (s *Store) write(name string, data []byte) {
	temp := "new-" + rand.Text()
	if s.root.WriteFile(temp, data, 0o600) != nil || s.root.Rename(temp, name) != nil {
		_ = s.root.Remove(temp)
	}
}

// bound removes what was written first when there is too much, and what a killed
// process left.
func (s *Store) bound() {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if left, _ := path.Match("new-*", info.Name()); left && time.Since(info.ModTime()) > time.Hour {
			_ = s.root.Remove(info.Name())
			continue
		}
		total += info.Size()
		files = append(files, info)
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		if total <= maxStore {
			return
		}
		total -= info.Size()
		_ = s.root.Remove(info.Name())
	}
}
