package tree

// Limits bound what a tree may hold.
type Limits struct {
	// Blob is the greatest size of one file that is read, in bytes.
	Blob int64
	// Files is the greatest number of files, and of folders, in a tree.
	Files int
	// Depth is the greatest number of folders above a file.
	Depth int
}

// DefaultLimits suit a fleet repository of thousands of applications.
var DefaultLimits = Limits{Blob: 4 << 20, Files: 250_000, Depth: 64}
