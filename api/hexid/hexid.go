// Package hexid says how a fleet's id, a commit and a digest are spelled, once for
// the whole module. Two readers that admit different spellings of one thing are
// two rules, and somebody lives between them.
//
// It imports nothing but a hash, so that everything may import it.
package hexid

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	fleetDigits  = 32
	sha1Digits   = 40
	sha256Digits = 64
	// DigestPrefix begins every digest.
	DigestPrefix = "sha256:"
)

// IsFleet reports whether a text is a fleet's id: 32 lower-case hexadecimal
// digits.
func IsFleet(text string) bool { return isHex(text, fleetDigits) }

// IsCommit reports whether a text is a full commit hash: 40 or 64 lower-case
// hexadecimal digits. It is what may stand in a request, in an answer and in a
// flag. A beginning of a hash, or a branch, could come to mean another commit.
func IsCommit(text string) bool { return IsSHA1Commit(text) || isHex(text, sha256Digits) }

// IsSHA1Commit is [IsCommit] for what names a commit of a repository that this
// module reads itself. Those are of the object format sha1: a hash of the other
// format names nothing in them, and is not to be remembered as if it did.
func IsSHA1Commit(text string) bool { return isHex(text, sha1Digits) }

// IsDigest reports whether a text is a digest: "sha256:" and 64 lower-case
// hexadecimal digits.
func IsDigest(text string) bool {
	digits, ok := strings.CutPrefix(text, DigestPrefix)
	return ok && isHex(digits, sha256Digits)
}

// Digest is "sha256:" and the hexadecimal SHA-256 of data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return DigestPrefix + hex.EncodeToString(sum[:])
}

func isHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}
