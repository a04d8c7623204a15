package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/source/git/transport"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"k8s.io/utils/lru"
)

// Auth is what the remote wants to see. The zero value is anonymous.
type Auth = transport.Auth

// Proxy is the way to a remote. The zero value is the environment's, if it has one.
type Proxy = transport.Proxy

// CheckURL says why [Open] takes no such URL, whatever the credentials.
// What it says does not quote the URL.
func CheckURL(raw string) error { return transport.CheckURL(raw) }

// IsOpen says whether what is sent to the URL is seen on its way: plain http, and
// not to this machine.
func IsOpen(raw string) bool { return transport.IsOpen(raw) }

// Mirror is a bare copy of one ref of a repository. It is safe for concurrent
// use.
//
// On disk it is a folder with the objects ("objects-N") and a file "head" that
// names the last fetched commit and the folder in use. The head lives outside
// the objects, so that a damaged copy that is cloned again still cannot move
// backwards.
type Mirror struct {
	origin
	path   string
	limits Limits
	// maxPacks is when the mirror is cloned afresh: every fetch adds a pack,
	// and every look-up asks each of them.
	maxPacks int
	// whole is set when the next fetch asks for files of any size: the last one
	// did not, and failed, and a remote may offer a filter that it then refuses.
	whole bool

	fetching sync.Mutex // one fetch at a time

	mu      sync.Mutex
	objects *objects
	// previous is the store before the last swap: trees that callers still
	// hold read from it.
	previous *objects
	head     string
	recent   recent

	lines *lru.Cache // of [line]
}

// origin is what a mirror is of.
type origin struct {
	ref    plumbing.ReferenceName
	url    string // safe to print
	remote transport.Remote
	// picker is nil where the branch's newest commit is followed.
	picker *picker
}

// recent are the last trees asked for, by commit.
type recent struct {
	trees map[string]*tree.Tree
	order []string
}

func (r *recent) add(t *tree.Tree) {
	if r.trees[t.Hash()] != nil {
		return
	}
	if len(r.order) == keptTrees {
		delete(r.trees, r.order[0])
		r.order = r.order[1:]
	}
	r.trees[t.Hash()] = t
	r.order = append(r.order, t.Hash())
}

// Open opens or makes the mirror in dir. Nothing goes over the network
// yet. url is http://, https://, ssh:// or user@host:path and must not hold a
// password; ref is a branch name or a full ref name.
func Open(dir, url, ref string, auth Auth, limits Limits) (*Mirror, error) {
	return OpenAt(dir, url, ref, Tags{}, auth, limits)
}

// OpenAt is [Open] for the commits of a branch that tags name.
func OpenAt(dir, url, ref string, tags Tags, auth Auth, limits Limits) (*Mirror, error) {
	limits = limits.orDefaults()
	var picker *picker
	if tags.any() {
		var err error
		if picker, err = newPicker(tags); err != nil {
			return nil, fmt.Errorf("open mirror: %w", err)
		}
	}
	name, err := branchRef(ref)
	if err != nil {
		return nil, err
	}
	remote, safe, err := transport.Parse(url, auth, limits.ofRemote())
	if err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	// The object store is bound to its folder, and takes no ".." in its name.
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	m := &Mirror{
		origin: origin{name, safe, remote, picker}, path: dir, limits: limits, maxPacks: 256,
		recent: recent{trees: map[string]*tree.Tree{}}, lines: lru.New(maxLines),
	}
	var store string
	if m.head, store, err = readHead(dir); err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	if m.objects, err = openObjects(dir, store, limits); err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	return m, nil
}

// CheckRef says why [Open] takes no such ref.
func CheckRef(ref string) error {
	_, err := branchRef(ref)
	return err
}

func branchRef(ref string) (plumbing.ReferenceName, error) {
	name := plumbing.ReferenceName(ref)
	if !strings.HasPrefix(ref, "refs/") {
		name = plumbing.NewBranchReferenceName(ref)
	}
	if err := name.Validate(); err != nil || name.IsTag() {
		return "", fmt.Errorf("ref %q is not a branch", ref)
	}
	return name, nil
}

// Look asks the remote which commit the ref points at, and takes nothing
// else: what an idle fleet costs.
func (m *Mirror) Look(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, m.limits.Head)
	defer cancel()
	adv, err := m.remote.Refs(ctx)
	if err == nil {
		var h plumbing.Hash
		if h, err = transport.RefHash(adv, m.ref); err == nil {
			if m.picker == nil {
				return h.String(), nil
			}
			var named []string
			if named, err = m.picker.named(adv); err == nil {
				return m.named(h.String(), named), nil
			}
		}
	}
	return "", fmt.Errorf("look at %s of %s: %w", m.ref.Short(), m.url, transport.AnswerError(ctx, err))
}

// named is what a look answers where tags decide. What the branch has that is not here
// yet is fetched before anybody knows; and a tag that is refused is an answer too, so
// that the refusal is told.
func (m *Mirror) named(tip string, named []string) string {
	objects := m.store()
	if !objects.contains(tip) {
		return tip
	}
	if hash, err := m.picker.pick(objects, tip, m.Head(), named); err == nil {
		return hash
	}
	return named[0]
}

// Head is the commit last fetched, "" before the first fetch.
func (m *Mirror) Head() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head
}

// Fetch takes what the ref points at now and returns its hash. It moves forward
// only: a head that does not descend from base is [source.ErrHistoryRewritten], and
// the mirror's head stays as it was. base is what the caller accepted last, so that
// commits which were fetched and never accepted may leave the branch again; or a head
// of a rewritten history that an operator accepted by its hash. "" is [Mirror.Head].
func (m *Mirror) Fetch(ctx context.Context, base string) (hash string, err error) {
	m.fetching.Lock()
	defer m.fetching.Unlock()
	ctx, cancel := context.WithTimeout(ctx, m.limits.Fetch)
	defer cancel()
	hash, err = m.fetch(ctx, base)
	if errors.Is(err, tree.ErrCorrupt) && ctx.Err() == nil {
		// Clone again; damage that comes from the remote is there again.
		m.store().markDamaged()
		hash, err = m.fetch(ctx, base)
	}
	if err != nil {
		return "", fmt.Errorf("fetch %s of %s: %w", m.ref.Short(), m.url, err)
	}
	return hash, nil
}

func (m *Mirror) fetch(ctx context.Context, base string) (string, error) {
	old, objects := m.Head(), m.store()
	fresh := objects.damaged() || len(objects.packNames()) >= m.maxPacks || (old != "" && !objects.contains(old))
	if fresh {
		var err error
		if objects, err = newObjects(m.path, m.limits); err != nil {
			return "", err
		}
		defer func() {
			if m.store() != objects {
				objects.remove()
			}
		}()
	}
	before := objects.packNames()
	if base == "" {
		base = old
	}
	head, named, err := m.receive(ctx, objects)
	if err == nil && m.picker != nil {
		head, err = m.picker.pick(objects, head, base, named)
	}
	if err == nil {
		err = m.accept(objects, head, base)
	}
	if err != nil {
		// What was refused does not stay: a remote could fill the disk with it.
		objects.dropPacksBut(before)
		return "", err
	}
	return head, m.swap(objects, head)
}

// receive brings the ref's commit and everything that it needs into objects. named are
// the commits that tags name, where those decide.
func (m *Mirror) receive(ctx context.Context, objects *objects) (tip string, named []string, err error) {
	var head plumbing.Hash
	filtered := false
	pack, err := m.remote.Pack(ctx, func(adv *packp.AdvRefs) (*packp.UploadPackRequest, error) {
		var err error
		if head, err = transport.RefHash(adv, m.ref); err != nil {
			return nil, err
		}
		if m.picker != nil {
			if named, err = m.picker.named(adv); err != nil {
				return nil, err
			}
		}
		if objects.contains(head.String()) {
			return nil, errUpToDate
		}
		request := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
		request.Wants = []plumbing.Hash{head}
		for _, have := range m.haves() {
			if have != "" && objects.contains(have) {
				request.Haves = append(request.Haves, plumbing.NewHash(have))
			}
		}
		_ = request.Capabilities.Set("no-progress")
		filtered = m.filter(request, adv)
		return request, nil
	})
	if errors.Is(err, errUpToDate) {
		return head.String(), named, nil
	}
	if err != nil {
		m.whole = filtered
		return "", nil, transport.AnswerError(ctx, err)
	}
	defer pack.Close()
	if filtered {
		if err := objects.lacks.note(partialFiles); err != nil {
			return "", nil, err
		}
	}
	if err := objects.take(ctx, pack); err != nil {
		m.whole = filtered
		return "", nil, err
	}
	return head.String(), named, nil
}

// haves are what need not be sent again.
func (m *Mirror) haves() []string {
	if m.picker == nil {
		return []string{m.Head()}
	}
	return []string{m.Head(), m.picker.have()}
}

// filter asks the remote to leave out the files that are too large to be read.
func (m *Mirror) filter(request *packp.UploadPackRequest, adv *packp.AdvRefs) bool {
	if m.whole || !adv.Capabilities.Supports(capability.Filter) {
		return false
	}
	_ = request.Capabilities.Set(capability.Filter)
	request.Filter = packp.FilterBlobLimit(uint64(m.limits.Blob)+1, packp.BlobLimitPrefixNone)
	return true
}

var errUpToDate = errors.New("up to date")

// accept decides whether a received commit may become the head: a commit that
// parses, moves forward, and whose files are all here. A tree that is refused
// for what it holds may be the head: the next commit can mend it.
func (m *Mirror) accept(objects *objects, head, old string) error {
	c, err := objects.commit(head)
	if err != nil {
		return fmt.Errorf("remote's head: %w", err)
	}
	if old != "" && old != head {
		if !objects.contains(old) {
			return source.ErrHistoryRewritten
		}
		ok, err := objects.descends(head, old, m.limits.History)
		if errors.Is(err, tree.ErrTooLarge) { // as for any other line that is not ours, an operator may accept it
			return fmt.Errorf("%w: %w", source.ErrHistoryRewritten, err)
		}
		if err != nil {
			return err
		}
		if !ok {
			return source.ErrHistoryRewritten
		}
	}
	loader := newTreeLoader(objects, m.limits, m.knownDirs(objects))
	if _, err := loader.load(c.tree, "", m.limits.Depth); errors.Is(err, tree.ErrCorrupt) {
		return err
	}
	return nil
}

// swap makes objects and head the mirror's.
func (m *Mirror) swap(objects *objects, head string) error {
	if err := writeHead(m.path, head, objects); err != nil {
		return fmt.Errorf("keep head: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.head = head
	if m.objects == objects {
		return nil
	}
	if m.previous != nil {
		m.previous.remove()
	}
	m.previous, m.objects = m.objects, objects
	m.recent = recent{trees: map[string]*tree.Tree{}}
	return nil
}

func (m *Mirror) store() *objects {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objects
}

// Damaged reports whether a file of the mirror was found damaged. The next
// [Mirror.Fetch] clones again, whether or not the remote moved.
func (m *Mirror) Damaged() bool { return m.store().damaged() }

// Contains reports whether the mirror holds a commit.
func (m *Mirror) Contains(hash string) bool { return m.store().contains(hash) }
