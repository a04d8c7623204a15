// Package commitsig says who signed a commit.
//
// It reads the bytes that Git hashed and nothing else: a commit that is decoded
// and encoded again is another commit (CVE-2026-44309), and a signature over the
// second says nothing about the first. [Parse] is the one reading of a commit in
// this module; [Commit.Signed] adds what only a signature needs, above all that
// no header can be read in two ways.
//
// [Signers] are the keys that count: lines of OpenSSH's allowed_signers file
// (ssh-keygen(1), ALLOWED SIGNERS) and armored OpenPGP public keys (RFC 9580).
// The signatures themselves are checked by libraries.
//
// Time is the caller's: a signer's validity is judged when the commit is
// accepted. The dates in a commit are the signer's word, and a thief of an
// expired key writes the date that he needs.
package commitsig
