package kustomize

import "time"

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
	// Head bounds one look at the remote's head, Fetch one fetch.
	Head, Fetch time.Duration
}

// DefaultLimits suit a fleet repository of thousands of applications.
var DefaultLimits = Limits{
	Pack:     512 << 20,
	Unpacked: 4 << 30,
	Object:   64 << 20,
	Blob:     4 << 20,
	Objects:  4_000_000,
	Files:    250_000,
	Depth:    64,
	History:  100_000,
	Refs:     32 << 20,
	Head:     20 * time.Second,
	Fetch:    10 * time.Minute,
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits
	fill(&l.Pack, d.Pack)
	fill(&l.Unpacked, d.Unpacked)
	fill(&l.Object, d.Object)
	fill(&l.Blob, d.Blob)
	fill(&l.Objects, d.Objects)
	fill(&l.Files, d.Files)
	fill(&l.Depth, d.Depth)
	fill(&l.History, d.History)
	fill(&l.Refs, d.Refs)
	fill(&l.Head, d.Head)
	fill(&l.Fetch, d.Fetch)
	return l
}

func fill[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
