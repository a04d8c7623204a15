// Package tree is one commit's files, or a folder's: validated, bounded, immutable.
//
// Whoever may push writes these trees. A name that two programs read as two, a
// thousand folders inside each other or a million files spoil the folder that they
// stand in, and nothing else.
package tree
