package tree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// OpenDir reads a working tree with the same checks as a commit. The ".git"
// entry of its root is left out. Names are read now, contents when first asked
// for, and kept: later changes on disk to what was read are not seen.
//
// A folder below it with a ".git" of its own is a submodule, or becomes one when it is
// added: a [Link], as in the commit.
func OpenDir(root string) (*Tree, error) {
	return OpenWorkTree(root, func(string) bool { return false })
}

// OpenWorkTree is OpenDir where somebody knows what Git has: gitlink says whether it has
// a submodule at a path. Asked of empty folders alone: a checkout that leaves submodules
// out is full of those, and they look as if Git had nothing there.
func OpenWorkTree(root string, gitlink func(path string) bool) (*Tree, error) {
	handle, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	limits := DefaultLimits
	source := &dirSource{root: handle, limit: limits.Blob, gitlink: gitlink, kept: map[string][]byte{}}
	d, err := source.load("", limits, limits.Depth)
	if err != nil {
		handle.Close()
		return nil, fmt.Errorf("read folder: %w", err)
	}
	return &Tree{hash: "folder-" + rand.Text(), root: d, source: source}, nil
}

// dirSource reads files below an open folder; os.Root keeps links from leading
// out of it between the listing and the reading.
type dirSource struct {
	root    *os.Root
	limit   int64
	gitlink func(path string) bool

	mu   sync.Mutex
	kept map[string][]byte
}

func (s *dirSource) load(path string, limits Limits, depth int) (*Dir, error) {
	if depth < 0 {
		return Closed(TooDeep), nil
	}
	open := path
	if open == "" {
		open = "."
	}
	entries, err := fs.ReadDir(s.root.FS(), open)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	d := &Dir{}
	for _, e := range entries {
		if path == "" && e.Name() == ".git" {
			continue
		}
		at := Join(path, e.Name())
		if problem := NameProblem(e.Name()); problem != "" {
			if d.flaw == nil {
				d.files++
			}
			d.flaw = d.flaw.Refuse(e.Name(), problem)
			continue
		}
		n := Node{Name: e.Name(), Kind: Link}
		switch {
		case e.IsDir() && s.isRepository(at): // a link
		case e.IsDir():
			n.Kind = Folder
			if n.Dir, err = s.load(at, limits, depth-1); err != nil {
				return nil, err
			}
		case e.Type().IsRegular():
			n.Kind = File
		}
		if n.Kind == Folder && n.Dir.files == 0 {
			if !s.gitlink(at) {
				continue // Git knows no empty folders
			}
			n = Node{Name: e.Name(), Kind: Link}
		}
		d.Add(n)
	}
	return d.Finish(limits, path == ""), nil
}

// isRepository: Git adds nothing out of a folder with this in it, but the folder itself.
func (s *dirSource) isRepository(path string) bool {
	_, err := s.root.Lstat(Join(path, ".git"))
	return err == nil
}

func (s *dirSource) Read(path string, _ *Node) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.kept[path]; ok {
		return data, nil
	}
	file, err := s.root.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, s.limit+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if int64(len(data)) > s.limit {
		return nil, fmt.Errorf("file of more than %d bytes: %w", s.limit, ErrTooLarge)
	}
	s.kept[path] = data
	return data, nil
}

func (s *dirSource) Size(path string, n *Node) (int64, error) {
	info, err := s.root.Stat(path)
	if err != nil {
		return 0, withoutPath(err)
	}
	return info.Size(), nil
}

// Blob hashes the file's bytes; one too large to read is known by its size and
// time instead, which is enough to tell it from another.
func (s *dirSource) Blob(path string, n *Node) (Hash, error) {
	data, err := s.Read(path, n)
	if errors.Is(err, ErrTooLarge) {
		info, err := s.root.Stat(path)
		if err != nil {
			return Hash{}, withoutPath(err)
		}
		data = fmt.Appendf(nil, "%d %d", info.Size(), info.ModTime().UnixNano())
	} else if err != nil {
		return Hash{}, err
	}
	return Hash(plumbing.ComputeHash(plumbing.BlobObject, data)), nil
}

// withoutPath drops the absolute path that os errors carry; callers name the
// file by its place in the tree.
func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
