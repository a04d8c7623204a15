// Package sealing seals values so that only the clusters Git names can open
// them, and opens them again.
//
// A block of a stub is a payload with its locks.
//
//   - The payload is an age v1 file (C2SP age.md) in armor, under a fresh file
//     key. Its first stanza is `bulla.dev/lock` with one argument, SHA-256 of
//     the [Context] in unpadded base64, and an empty body; the header's MAC
//     covers it. One stanza for each recovery recipient follows, so that the
//     stock age command opens a payload with a recovery key. The plaintext is
//     a JSON object from field pointer to base64 value, in canonical form:
//     keys sorted, no spaces.
//   - A lock is HPKE (RFC 9180, base mode, HKDF-SHA256, AES-256-GCM) of an
//     inner secret to the HSM's public key, with info binding context, target
//     and payload. For a set the inner secret is the file key. For a cluster
//     it is the file key wrapped to that cluster's own age recipient, so that
//     neither the HSM nor the cluster opens it alone.
//
// Three parties use it. A developer has public keys: [NewSealer], [Sealer.Seal].
// The key service has an [Opener] and nothing else: [CheckLock], [Prepare],
// [Prepared.Unlock]. A cluster has its age identity: [OpenStanza], [Payload.Open].
//
// Promises: everything that parses has one spelling, and marshals back to the
// same bytes. Nothing malformed reaches an Opener. A bad binding, a bad point
// and a bad MAC are one error, [ErrOpen]. No error, and no String method,
// holds a value or a file key. File keys are cleared after use in memory that
// this package owns; copies inside age, and strings handed to callers, are
// the garbage collector's.
//
// The package sees neither Kubernetes clients nor Git nor PKCS#11.
package sealing
