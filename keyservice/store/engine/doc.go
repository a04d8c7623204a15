// Package engine is the opened database under the store, whichever of the two it is:
// how it is reached and proved to be the one, that what is committed is on disk, that
// one transaction writes at a time, over all processes, and that its tables are of this
// version. It knows no table by name.
package engine
