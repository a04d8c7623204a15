package wire

import api "github.com/bulla-dev/bulla/api/fleet"

// KeyInfo describes one key pair of a fleet in the token.
type KeyInfo struct {
	Label string
	// Use is "seal" or a role: "root", "ca", "log", or a successor as "ca-2".
	Use string
	// KeyID is set for sealing keys.
	KeyID string
	// Suite is set for sealing keys: MLKEM768-P256 when the token also has the
	// secret key that the ML-KEM seed comes from.
	Suite api.Suite
	// Public is the uncompressed P-256 point, 65 bytes.
	Public []byte
	// Problem says what is wrong with the key; empty when nothing is.
	Problem string
}

// Check is one thing that a token must be able to do, and whether it can.
type Check struct {
	// What it is, for people; Mechanism is PKCS#11's name for it.
	What, Mechanism string
	// Problem is empty when it works.
	Problem string
	// Hint says what it is for, or what to do.
	Hint string
}

// Note keeps the first problem.
func (k *KeyInfo) Note(err error) {
	if err != nil && k.Problem == "" {
		k.Problem = err.Error()
	}
}
