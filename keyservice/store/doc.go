// Package store keeps what the key service must not forget, in SQLite or PostgreSQL:
// accepted heads, hashes of join tokens, enrolments, certificates, the
// certificate authority's own certificate, digests ever placed, and the audit
// rows.
//
// # What it promises
//
// A method that returns nil has written to disk: the journal is a write-ahead
// log with synchronous=FULL, so a power cut after the return loses nothing.
// Every method is one transaction, and a transaction that fails leaves no
// trace. Two processes may use one file (serve, and `token create` beside it).
//
// # What an attacker gets
//
// Who reads the file learns who asked for what and when; no value, no file key,
// no join token (only hashes of 32 random bytes are kept), no private key. Who
// writes it can make the service take an older head as the last accepted one
// (from there it only goes forward along the configured ref), let a token be
// used again, and change the audit rows: the file belongs to the service alone,
// mode 0600.
package store
