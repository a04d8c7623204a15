package git

import (
	"cmp"
	"time"

	"github.com/bulla-dev/bulla/kustomize/source/git/transport"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Limits bound what a remote may send and a tree may hold. Zero fields take the
// value of [DefaultLimits].
type Limits struct {
	// Pack is the greatest size of one fetched pack, in bytes.
	Pack int64
	// Unpacked is the greatest sum of object sizes in one fetched pack, in bytes.
	Unpacked int64
	// Object is the greatest size of one object that is kept of a pack, in bytes.
	// A larger file is left out, wherever in history it stands: see Blob.
	Object int64
	// Blob is the greatest size of one file that is read, in bytes. Larger ones
	// are not fetched from a remote that can leave them out.
	Blob int64
	// Objects is the greatest number of objects in one pack.
	Objects int
	// Files is the greatest number of files, and of folders, in a tree.
	Files int
	// Depth is the greatest number of folders above a file.
	Depth int
	// History is the greatest number of commits that are walked for an ancestor.
	History int
	// Refs is the greatest size of the remote's list of refs, in bytes.
	Refs int64
	// Cache is how much of what was unpacked is kept for the next read, in bytes.
	Cache int64
	// Head bounds one look at the remote's head, Fetch one fetch.
	Head, Fetch time.Duration
}

// DefaultLimits suit a fleet repository of thousands of applications.
var DefaultLimits = Limits{
	Pack:     512 << 20,
	Unpacked: 4 << 30,
	Object:   64 << 20,
	Blob:     tree.DefaultLimits.Blob,
	Objects:  4_000_000,
	Files:    tree.DefaultLimits.Files,
	Depth:    tree.DefaultLimits.Depth,
	History:  100_000,
	Refs:     32 << 20,
	Cache:    4 << 20,
	Head:     20 * time.Second,
	Fetch:    10 * time.Minute,
}

// ofRemote are the bounds of what a server sends.
func (l Limits) ofRemote() transport.Limits { return transport.Limits{Pack: l.Pack, Refs: l.Refs} }

// ofTrees are the bounds of a single tree.
func (l Limits) ofTrees() tree.Limits {
	return tree.Limits{Blob: l.Blob, Files: l.Files, Depth: l.Depth}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits
	l.Pack = cmp.Or(l.Pack, d.Pack)
	l.Unpacked = cmp.Or(l.Unpacked, d.Unpacked)
	l.Object = cmp.Or(l.Object, d.Object)
	l.Blob = cmp.Or(l.Blob, d.Blob)
	l.Objects = cmp.Or(l.Objects, d.Objects)
	l.Files = cmp.Or(l.Files, d.Files)
	l.Depth = cmp.Or(l.Depth, d.Depth)
	l.History = cmp.Or(l.History, d.History)
	l.Refs = cmp.Or(l.Refs, d.Refs)
	l.Cache = cmp.Or(l.Cache, d.Cache)
	l.Head = cmp.Or(l.Head, d.Head)
	l.Fetch = cmp.Or(l.Fetch, d.Fetch)
	return l
}
