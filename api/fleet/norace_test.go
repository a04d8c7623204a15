//go:build !race

package fleet

// largest is how much is parsed where costs are compared with sizes, in bytes: what
// grows faster than the file shows by then.
const largest = 4 << 20
