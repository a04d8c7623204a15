// Package store keeps what the key service must not forget, in SQLite or PostgreSQL:
// accepted heads, hashes of join tokens, enrolments, certificates, the
// certificate authority's own certificate, digests ever placed, and the audit
// rows.
//
// # What it promises
//
// A method that returns nil has written to disk: SQLite's journal is a
// write-ahead log with synchronous=FULL, PostgreSQL's connections commit
// synchronously and a server without fsync is refused, so that a power cut after
// the return loses nothing. Every method is one transaction, and a transaction
// that fails leaves no trace; one whose commit was sent and not answered may
// have been done.
//
// One transaction writes at a time, over all processes: what it reads stays true
// until it commits. Two processes may use one SQLite file (serve, and `token
// create` beside it); replicas share a PostgreSQL database. A replica that is
// stopped inside a transaction loses it after [engine.Patience].
//
// # What an attacker gets
//
// Who reads the database learns who asked for what and when; no value, no file
// key, no join token (only hashes of 32 random bytes are kept), no private key.
// Who writes it can make the service take an older head as the last accepted one
// (from there it only goes forward along the configured ref), let a token be
// used again, and cut or damage the audit log, which cannot be hidden from those
// who keep its checkpoints: the database belongs to the service alone. A SQLite
// file has mode 0600; a PostgreSQL server on another machine must prove itself
// by its certificate.
package store
