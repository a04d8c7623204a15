// Package journal writes the audit log of a fleet: what it was given is on disk,
// in order, under a checkpoint that the token signed, before it returns.
//
//	j, err := journal.Open(ctx, journal.Options{Fleet: fleet, Token: worker, Store: rows, ...})
//	r, err := j.Append(ctx, entries, changes...) // or Leave, for what releases nothing
//	in, err := r.Inclusion(0)                    // the first of entries, with its proof
//	state, err := r.State(ctx, seen)             // the checkpoint, and that it grew
//
// What an entry says, and how others check the log, is package audit; how it
// stands in the database is package store. What is worth an entry, and what is
// counted instead, is for the caller to know.
//
// # What it promises
//
//   - Append returns nil when entries, and the changes that go with them, are
//     committed in one transaction, and the checkpoint over them was signed and
//     read back. An append that failed wrote nothing, or is answered as done: a
//     commit whose answer was lost is looked up.
//   - Everybody who waits while an append is under way shares the next one: one
//     transaction, one signature, one flush. Who cannot be recorded, or whose
//     change is refused, loses its own entries and nobody else's.
//   - The log only grows. A state that another process wrote is followed when the
//     token's key signed it, its root is that of the stored hashes and it begins
//     with what this process saw; otherwise nothing is recorded any more
//     ([ErrBehind], [audit.ErrConsistency]). Open refuses a log that is not whole.
//   - An entry's time is that of its append and never goes back.
//   - Memory is bounded: beyond 32768 waiting entries callers are turned away
//     ([ErrQueue]).
//
// # Without the token
//
// Append fails with [ErrUnsigned]. Leave keeps the entries in the store, and so
// does [Later] for programs beside the service; the next append takes them into
// the log, before its own.
package journal
