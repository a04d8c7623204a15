package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/source/git/transport"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// objects is a bare Git object store on disk. Every object that is read is
// hashed again: a damaged or exchanged file is [tree.ErrCorrupt], never content.
type objects struct {
	path   string
	limits Limits
	bad    atomic.Bool
	lacks  *partial
	// shared: others put packs there and take them away while it is open.
	shared bool

	mu      sync.Mutex // go-git's storage is not safe for concurrent use
	storage *filesystem.Storage
	commits map[string]*commit
}

const objectsPrefix = "objects-"

// openObjects opens the named store in dir, or makes one, and removes what an
// interrupted swap left beside it.
func openObjects(dir, store string, limits Limits) (*objects, error) {
	numbers, err := storeNumbers(dir)
	if err != nil {
		return nil, err
	}
	found := false
	for _, n := range numbers {
		path := storePath(dir, n)
		if filepath.Base(path) == store {
			found = true
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return nil, err
		}
	}
	if !found {
		return newObjects(dir, limits)
	}
	return openStore(filepath.Join(dir, store), limits), nil
}

func newObjects(dir string, limits Limits) (*objects, error) {
	numbers, err := storeNumbers(dir)
	if err != nil {
		return nil, err
	}
	next := 0
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	path := storePath(dir, next)
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	return openStore(path, limits), nil
}

func storePath(dir string, n int) string {
	return filepath.Join(dir, objectsPrefix+strconv.Itoa(n))
}

func storeNumbers(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), objectsPrefix)
		if n, err := strconv.Atoi(digits); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func openStore(path string, limits Limits) *objects {
	return &objects{
		path:    path,
		limits:  limits,
		lacks:   &partial{path: filepath.Join(path, partialFile)},
		storage: openStorage(path, limits),
		commits: map[string]*commit{},
	}
}

func openStorage(path string, limits Limits) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(path, osfs.WithBoundOS()),
		cache.NewObjectLRU(cache.FileSize(limits.Cache)), filesystem.Options{MaxOpenDescriptors: 8})
}

func (o *objects) damaged() bool { return o.bad.Load() }
func (o *objects) markDamaged()  { o.bad.Store(true) }

func (o *objects) remove() {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.storage.Close()
	_ = os.RemoveAll(o.path)
}

func (o *objects) packNames() []plumbing.Hash {
	o.mu.Lock()
	defer o.mu.Unlock()
	packs, err := o.storage.ObjectPacks()
	if err != nil {
		return nil
	}
	return slices.Clone(packs)
}

func (o *objects) dropPacksBut(keep []plumbing.Hash) {
	dropped := false
	for _, pack := range o.packNames() {
		if slices.Contains(keep, pack) {
			continue
		}
		dropped = true
		for _, suffix := range []string{".pack", ".idx", ".rev"} {
			_ = os.Remove(filepath.Join(o.path, "objects", "pack", "pack-"+pack.String()+suffix))
		}
	}
	if !dropped {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.storage.Close()
	o.storage = openStorage(o.path, o.limits)
	clear(o.commits)
}

// contains reports whether a commit is here.
func (o *objects) contains(commitHash string) bool {
	if _, ok := tree.ParseHash(commitHash); !ok {
		return false
	}
	_, err := o.commit(commitHash)
	return err == nil
}

// has reports whether an object is in the store, without reading it.
func (o *objects) has(h tree.Hash) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.storage.HasEncodedObject(plumbing.Hash(h)) == nil
}

// read returns an object's bytes, at most limit of them.
func (o *objects) read(t plumbing.ObjectType, name string, limit int64) ([]byte, error) {
	h, ok := tree.ParseHash(name)
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, source.ErrUnknownRevision)
	}
	data, err := o.readLocked(t, h, limit)
	switch {
	case errors.Is(err, tree.ErrTooLarge):
		return nil, err
	case errors.Is(err, plumbing.ErrObjectNotFound) && t == plumbing.CommitObject:
		return nil, fmt.Errorf("%q: %w", name, source.ErrUnknownRevision)
	case errors.Is(err, plumbing.ErrObjectNotFound) && o.lacks.lacks(h, t == plumbing.BlobObject):
		return nil, fmt.Errorf("it was left out of the mirror for its size: %w", tree.ErrTooLarge)
	case err != nil:
		o.markDamaged()
		return nil, fmt.Errorf("%s %s: %w", t, name, tree.ErrCorrupt)
	}
	if tree.Hash(plumbing.ComputeHash(t, data)) != h {
		o.markDamaged()
		return nil, fmt.Errorf("%s %s has other bytes: %w", t, name, tree.ErrCorrupt)
	}
	return data, nil
}

func (o *objects) readLocked(t plumbing.ObjectType, h tree.Hash, limit int64) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	data, err := o.readOnce(t, h, limit)
	if err != nil && o.shared && !errors.Is(err, tree.ErrTooLarge) {
		o.storage.Reindex()
		return o.readOnce(t, h, limit)
	}
	return data, err
}

func (o *objects) readOnce(t plumbing.ObjectType, h tree.Hash, limit int64) (data []byte, err error) {
	// go-git's pack readers have panicked on damaged files more than once.
	defer func() {
		if r := recover(); r != nil {
			data, err = nil, tree.ErrCorrupt
		}
	}()
	// The size is asked first: an object is inflated in memory whole.
	size, err := o.storage.EncodedObjectSize(plumbing.Hash(h))
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("%d bytes, the limit is %d: %w", size, limit, tree.ErrTooLarge)
	}
	object, err := o.storage.EncodedObject(t, plumbing.Hash(h))
	if err != nil {
		return nil, err
	}
	r, err := object.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// size is that of a file; of one that was left out, the least that it can be.
func (o *objects) size(h tree.Hash) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size, err := o.storage.EncodedObjectSize(plumbing.Hash(h))
	if err != nil && o.shared {
		o.storage.Reindex()
		size, err = o.storage.EncodedObjectSize(plumbing.Hash(h))
	}
	if errors.Is(err, plumbing.ErrObjectNotFound) && o.lacks.lacks(h, true) {
		return o.limits.Blob + 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("blob %s: %w", h, tree.ErrCorrupt)
	}
	return size, nil
}

// take adds a pack. It lands in a file first and is measured there: go-git
// inflates whole objects in memory, so a small pack could ask for gigabytes. What
// is too large to be kept is left out.
func (o *objects) take(ctx context.Context, pack io.Reader) error {
	file, err := o.incoming()
	if err != nil {
		return err
	}
	defer discard(file)
	if _, err := io.Copy(file, pack); err != nil {
		return transport.AnswerError(ctx, err)
	}
	measured, err := measurePack(ctx, file, o.limits)
	if err == nil && measured.leavesOut() {
		smaller, failed := o.incoming()
		if failed != nil {
			return failed
		}
		defer discard(smaller)
		err = errors.Join(measured.write(ctx, smaller, file), o.lacks.note(measured.notes()...))
		file = smaller
	}
	if ctx.Err() != nil {
		// It is here whole: what takes so long is what it holds.
		return fmt.Errorf("pack is not read in time: %w", tree.ErrTooLarge)
	}
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := storePack(o.storage, file); err != nil {
		return fmt.Errorf("store pack: %w: %w", tree.ErrCorrupt, err)
	}
	return nil
}

func (o *objects) incoming() (*os.File, error) {
	file, err := os.CreateTemp(o.path, "incoming-")
	if err != nil {
		return nil, fmt.Errorf("keep pack: %w", err)
	}
	return file, nil
}

func discard(file *os.File) {
	_ = file.Close()
	_ = os.Remove(file.Name())
}

func storePack(storage *filesystem.Storage, pack io.Reader) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("go-git panicked: %v", r)
		}
	}()
	return packfile.WritePackfileToObjectStorage(storage, pack)
}
