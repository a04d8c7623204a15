// Package rollout answers which release of a placement a cluster's wave may take now.
//
// It decides pace and never access: what it goes by is what clusters say of themselves.
// A lie may hold a release back, or bring it sooner to clusters that Git places it on
// anyway. Nothing that opens a secret asks here.
package rollout
