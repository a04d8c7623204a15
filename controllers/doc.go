// Package controllers is the half of bulla that runs in a cluster: it makes the
// cluster equal to what the fleet repository places on it. It has rooms and no
// code of its own.
//
// Two loops share one process. fleetsync follows the repository: it enrols the
// cluster, watches the remote's head, checks the fleet's root signature, resolves
// what is placed here and writes one Delivery for each placement. delivery makes
// one placement so. Between them stands a view.Snapshot: immutable, complete, and
// replaced whole, so that a Delivery never sees half a revision. unseal has the
// cluster's keys and asks for values; report tells the ledger what stands.
//
// Promises:
//
//   - Plaintext lives in memory only, between unseal.Unsealer and the apply.
//   - Nothing is pruned but from a complete, verified snapshot.
//   - No finalizers: whoever deletes our objects orphans the application, and
//     orphans are adopted again by a proof that they carry. Uninstalling deletes
//     nothing.
//   - A pass with nothing changed costs one look at the remote's head: no
//     fetch, no build, no unseal, no write.
package controllers
