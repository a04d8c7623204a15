// Package report tells the key service's ledger what became of secrets on this
// cluster, and how its placements stand. Nothing waits for it: it tries for ever,
// and what was confirmed absent and is not told yet outlives a restart.
package report
