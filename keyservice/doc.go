// Package keyservice decides what a cluster may unseal, and has the token do it.
//
// # What it promises
//
//   - The reviewed tree is the grant. A digest opens only while the accepted
//     head places it on the asking cluster. Cluster and fleet come from the
//     client certificate, bytes from the service's own mirror; a request names
//     digests and nothing else.
//   - One token operation a block, never trial decryption. Which built object a
//     digest stands for is chosen by the context digest in the payload's header
//     before the token is asked; a malformed stub never reaches the token.
//   - No answer without its audit rows on disk. If they cannot be written,
//     nothing is answered.
//   - An answer is an age stanza that only the asking cluster can open.
//   - Nothing opens at a head that was not seen to be the newest for too long
//     (repository.maxAge): who hides Git from the service gains that much.
//   - Callers get codes; the detail is in the log. No body, token, file key or
//     value is ever logged.
//
// # Rooms
//
// [Routes] is the whole attack surface as a table, and front holds each request
// to its entry. Behind it each noun has a type: enrolment, unsealing, reporting and
// auditing answer clusters; rewrapping, reading, denying and following answer
// people. All of them refuse and record through clerk.
//
// An Unseal is a question. An attempt at it has grounds (head, index, deny list,
// each read once); on them each digest is decided, by the list of steps and in that
// order; then opened by the token; then written; and then answered. Nothing goes
// back, and each has a type of its own.
//
// Heads follows the configured ref and accepts what descends, parses and verifies
// under the pinned root key. Index says what one head places on one cluster.
//
// The other rooms: config reads the file; authority says who somebody is;
// turnstile what callers may take; tally which refusals are counted; journal writes
// the signed log, store keeps what must not be forgotten; protocol is what the
// client shares.
//
// Everything that a request reads of a head is one immutable value behind an
// atomic pointer, loaded once for the request.
package keyservice
