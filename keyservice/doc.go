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
// to its entry: who asks, what they may take, and where their certificate is in use.
// Behind it each noun has a room of its own, and a handler in it: enrolment, unseal and
// ledger answer clusters; unseal, denials and ledger answer people. What is left here is
// wiring, the two listeners, and the few handlers that are a page: the audit log, and
// what people say to how the repository is followed. All of them refuse and record
// through package clerk.
//
// The other rooms: config reads the file; authority says who somebody is; heads follows
// the configured ref, and says what one head places on one cluster; turnstile what
// callers may take; tally which refusals are counted; journal writes the signed log,
// store keeps what must not be forgotten; protocol is what the client shares.
//
// Everything that a request reads of a head is one immutable value behind an
// atomic pointer, loaded once for the request.
package keyservice
