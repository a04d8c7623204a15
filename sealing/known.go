package sealing

import (
	"errors"
	"fmt"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// ErrRolledBack means that a fleet.yaml with a good signature is not the newest
// that was seen: its serial is lower, or the same with another text.
var ErrRolledBack = errors.New("fleet.yaml was rolled back")

// Known is what a verifier keeps of the newest fleet.yaml that it accepted. The
// zero value knows nothing yet. Whoever can push can put back any file that was
// ever signed, and with it a sealing key or a recovery recipient that was taken
// out since; and a root key that was succeeded still signs. Known refuses both.
type Known struct {
	// Serial of that fleet.yaml, from 1; 0 when nothing is known.
	Serial int64 `json:"serial"`
	// Digest is "sha256:" and the hash of the text that was signed.
	Digest string `json:"digest"`
	// RootKey is the verifier key that signed it.
	RootKey string `json:"rootKey"`
	// Pinned is the verifier key that led to RootKey.
	Pinned string `json:"pinned"`
}

// Accept checks spec under the pinned root key, as [VerifyFleet] does, and
// against what is known, and returns what to know from now on. The caller makes
// that durable before it uses the fleet. Errors are [ErrSignature] and
// [ErrRolledBack].
//
// Under the same pin the key that signs is the known one or a successor of it.
// A person who pins another key starts anew, unless that key is of the same
// line.
func (k Known) Accept(spec *api.FleetSpec, pinned string) (Known, error) {
	line, err := verifiedLine(spec, pinned)
	if err != nil {
		return Known{}, err
	}
	next := Known{
		Serial: spec.Serial, Digest: api.StubDigest(spec.SignedText()),
		RootKey: line[len(line)-1], Pinned: pinned,
	}
	if k.Serial == 0 {
		return next, nil
	}
	if !isOfLine(k.RootKey, line) {
		if k.Pinned != pinned {
			return next, nil
		}
		return Known{}, fmt.Errorf("%w: the root key that signed serial %d is not succeeded by this one", ErrSignature,
			k.Serial)
	}
	return next, k.newest(next)
}

// isOfLine says whether the line leads through the known key. A line that ends
// before it is an old one, or the work of a key that was left.
func isOfLine(known string, line []string) bool { return slices.Contains(line, known) }

// newest refuses what is older than what is known.
func (k Known) newest(next Known) error {
	if next.Serial < k.Serial {
		return fmt.Errorf("%w: its serial is %d, and %d was accepted", ErrRolledBack, next.Serial, k.Serial)
	}
	if next.Serial == k.Serial && next.Digest != k.Digest {
		return fmt.Errorf("%w: another one with serial %d was accepted", ErrRolledBack, k.Serial)
	}
	return nil
}
