// Package audit is the form of the audit log: what an entry says, how a
// checkpoint is signed, and how proofs are checked, for those who write it and
// for those who do not trust them.
//
// The log is a Merkle tree (RFC 6962, section 2; golang.org/x/mod/sumdb/tlog)
// whose leaves are entries in JSON, one line each. A checkpoint (C2SP
// tlog-checkpoint, a signed note) names its size and root and is signed by a key
// in the token.
package audit
