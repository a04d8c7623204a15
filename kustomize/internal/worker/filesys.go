package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/bulla-dev/bulla/kustomize/internal/worker/deletions"
)

// remoteFS is kustomize's file system, answered by the parent. It is read-only.
type remoteFS struct {
	pipe *pipe
	// refused is the first refusal. kustomize wraps errors beyond
	// recognition, and tries something else after one; this is what counts.
	refused *Failure
	// patches are read again when the build is done.
	patches deletions.Patches
	// texts are looked through as they are read.
	texts *texts
	// order has the files that were read, relative to the repository.
	order []string
	// answers by question and path; asked is how often the parent was asked for a
	// file, now how often this pass was.
	answers    map[string]*answered
	asked, now map[string]int
	// rewritten are the files of objects with their wires, nil before there are any.
	rewritten map[string][]byte
}

func newRemoteFS(p *pipe) *remoteFS {
	return &remoteFS{
		pipe: p, patches: deletions.Patches{}, texts: newTexts(),
		answers: map[string]*answered{}, asked: map[string]int{}, now: map[string]int{},
	}
}

var _ filesys.FileSystem = (*remoteFS)(nil)

var errReadOnly = errors.New("file system is read-only")

func (f *remoteFS) ask(question byte, name string) (Kind, []byte) {
	name = path.Clean("/" + filepath.ToSlash(name))
	if known, ok := f.recall(question, name); ok {
		return known.kind, known.data
	}
	if err := f.pipe.send(question, []byte(name)); err != nil {
		os.Exit(1)
	}
	kind, body, err := f.pipe.receive(func(byte) int { return maxFrame })
	if err != nil || kind != frameAnswer || len(body) == 0 {
		os.Exit(1)
	}
	f.answers[string(question)+name] = &answered{Kind(body[0]), body[1:]}
	return Kind(body[0]), body[1:]
}

func (f *remoteFS) stat(name string) Kind {
	kind, _ := f.ask(frameStat, name)
	return kind
}

func (f *remoteFS) IsDir(name string) bool  { return f.stat(name) == Dir }
func (f *remoteFS) Exists(name string) bool { return f.stat(name) != None }

// ReadFile reads a file. A kustomization is looked through first: whatever it
// takes from elsewhere is named by file and field before kustomize tries it.
func (f *remoteFS) ReadFile(name string) ([]byte, error) {
	kind, data := f.ask(frameRead, name)
	switch kind {
	case File:
	case Aside:
		return f.aside(name, data)
	case Apart:
		return nil, f.fail(&Failure{Problem: ErrApart.Error()})
	default:
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	relative := strings.TrimPrefix(path.Clean(name), Root+"/")
	f.patches.Keep(relative, data, isKustomization(relative))
	if !slices.Contains(f.order, relative) {
		f.order = append(f.order, relative)
	}
	if isKustomization(name) {
		if failure := scan(f, relative, data); failure != nil {
			return nil, f.fail(failure)
		}
	}
	f.texts.look(relative, data)
	if text, ok := f.rewritten[relative]; ok {
		return text, nil
	}
	return data, nil
}

// aside reads a file that is left out as nothing. One that is damaged may have
// held an object.
func (f *remoteFS) aside(name string, data []byte) ([]byte, error) {
	file := strings.TrimPrefix(path.Clean(name), Root+"/")
	if strings.EqualFold(path.Ext(file), ".json") {
		return nil, nil
	}
	if failure := syntax(file, data); failure != nil {
		return nil, f.fail(failure)
	}
	return nil, nil
}

// again reads a file a second time.
func (f *remoteFS) again(file string) ([]byte, error) {
	kind, data := f.ask(frameRead, path.Join(Root, file))
	if kind != File {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

func (f *remoteFS) fail(failure *Failure) error {
	if f.refused == nil {
		f.refused = failure
	}
	return f.refused
}

// ReadDir lists names.
func (f *remoteFS) ReadDir(name string) ([]string, error) {
	kind, data := f.ask(frameList, name)
	if kind != Dir {
		return nil, &fs.PathError{Op: "list", Path: name, Err: fs.ErrNotExist}
	}
	if len(data) == 0 {
		return nil, nil
	}
	return strings.Split(string(data), "\x00"), nil
}

// CleanedAbs splits a path into folder and file. There are no links to resolve.
func (f *remoteFS) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	name = path.Clean("/" + filepath.ToSlash(name))
	switch f.stat(name) {
	case Dir:
		return filesys.ConfirmedDir(name), "", nil
	case File:
		return filesys.ConfirmedDir(path.Dir(name)), path.Base(name), nil
	}
	return "", "", fmt.Errorf("%q: %w", strings.TrimPrefix(name, Root+"/"), fs.ErrNotExist)
}

// Glob matches within one folder, which is all that kustomize asks for.
func (f *remoteFS) Glob(pattern string) ([]string, error) {
	dir, base := path.Split(path.Clean("/" + filepath.ToSlash(pattern)))
	names, err := f.ReadDir(dir)
	if err != nil {
		return nil, nil
	}
	var matches []string
	for _, name := range names {
		ok, err := path.Match(base, name)
		if err != nil {
			return nil, err
		}
		if ok {
			matches = append(matches, path.Join(dir, name))
		}
	}
	return matches, nil
}

// Walk walks a folder in the order of names.
func (f *remoteFS) Walk(root string, visit filepath.WalkFunc) error {
	kind := f.stat(root)
	if kind == None {
		return visit(root, nil, fs.ErrNotExist)
	}
	err := f.walk(root, kind, visit)
	if errors.Is(err, filepath.SkipDir) || errors.Is(err, filepath.SkipAll) {
		return nil
	}
	return err
}

func (f *remoteFS) walk(name string, kind Kind, visit filepath.WalkFunc) error {
	err := visit(name, info{path.Base(name), kind}, nil)
	if err != nil || kind != Dir {
		return err
	}
	names, err := f.ReadDir(name)
	if err != nil {
		return visit(name, info{path.Base(name), kind}, err)
	}
	for _, child := range names {
		child = path.Join(name, child)
		err := f.walk(child, f.stat(child), visit)
		if errors.Is(err, filepath.SkipDir) {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *remoteFS) Open(string) (filesys.File, error)   { return nil, errReadOnly }
func (f *remoteFS) Create(string) (filesys.File, error) { return nil, errReadOnly }
func (f *remoteFS) Mkdir(string) error                  { return errReadOnly }
func (f *remoteFS) MkdirAll(string) error               { return errReadOnly }
func (f *remoteFS) RemoveAll(string) error              { return errReadOnly }
func (f *remoteFS) WriteFile(string, []byte) error      { return errReadOnly }

// info is a file's description; there is nothing to it but name and kind.
type info struct {
	name string
	kind Kind
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return 0 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.kind == Dir }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.kind == Dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
