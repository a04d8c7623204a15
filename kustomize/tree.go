package kustomize

// Tree is one commit's files, or a folder's: immutable, validated, safe for
// concurrent use. Paths are slash-separated, clean and relative to the root.
type Tree struct {
}

// Entry is one file of a [Tree].
type Entry struct {
	Path string
	// Size in bytes.
	Size int64
	// Blob is the Git blob hash in hexadecimal: equal blobs are equal bytes.
	Blob string
}

// Hash is the commit's hash in hexadecimal; for a folder the hash of its tree.
func (t *Tree) Hash() string { panic("not written yet") }

// Revision is "REF@sha1:HASH", the form that Flux uses; "" for a folder.
func (t *Tree) Revision() string { panic("not written yet") }

// ReadFile returns a file's bytes. The error is [ErrNotFound], [ErrTooLarge] or
// a [TreeError] for a link.
func (t *Tree) ReadFile(path string) ([]byte, error) { panic("not written yet") }

// Files returns the files at and below prefix, sorted by path.
func (t *Tree) Files(prefix string) []Entry { panic("not written yet") }

// Exists reports whether path is a file or a folder.
func (t *Tree) Exists(path string) bool { panic("not written yet") }

// IsDir reports whether path is a folder. The root is "" or ".".
func (t *Tree) IsDir(path string) bool { panic("not written yet") }

// OpenDir reads a working tree with the same checks as a commit. The ".git"
// entry of its root is left out.
func OpenDir(root string) (*Tree, error) { panic("not written yet") }
