package audit

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// maxProof is how many hashes a proof can have: one for each level of the
// largest tree, and a consistency proof one more.
const maxProof = 64

var (
	// ErrInclusion means that an entry is not shown to be in the log.
	ErrInclusion = errors.New("entry is not in the audit log")
	// ErrConsistency means that one checkpoint is not shown to be of a log that
	// grew into the other's: entries were changed, dropped or reordered, or there
	// are two logs.
	ErrConsistency = errors.New("checkpoints are not of one audit log")
)

// CheckInclusion checks that entry is the leaf at index, counted from 0, of the
// log that c describes (RFC 6962, section 2.1.1).
func CheckInclusion(c Checkpoint, index int64, entry []byte, proof [][]byte) error {
	hashes, err := readProof(proof)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInclusion, err)
	}
	if c.Size > MaxSize {
		return fmt.Errorf("%w: a log of %d entries", ErrInclusion, c.Size)
	}
	if err := tlog.CheckRecord(hashes, c.Size, c.Root, index, tlog.RecordHash(entry)); err != nil {
		return fmt.Errorf("%w: index %d of %d: %w", ErrInclusion, index, c.Size, err)
	}
	return nil
}

// CheckConsistency checks that the log of older is the beginning of the log of
// newer (RFC 6962, section 2.1.2). The proof is empty when the sizes are equal
// or older is empty. The zero Checkpoint is a caller that has seen none.
func CheckConsistency(older, newer Checkpoint, proof [][]byte) error {
	if older == (Checkpoint{}) {
		older = Checkpoint{Origin: newer.Origin, Root: emptyRoot}
	}
	hashes, err := readProof(proof)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrConsistency, err)
	case older.Origin != newer.Origin:
		return fmt.Errorf("%w: they are of %q and %q", ErrConsistency, older.Origin, newer.Origin)
	case older.Size < 0 || newer.Size > MaxSize:
		return fmt.Errorf("%w: sizes %d and %d", ErrConsistency, older.Size, newer.Size)
	case older.Size > newer.Size:
		return fmt.Errorf("%w: the log shrank from %d entries to %d", ErrConsistency, older.Size, newer.Size)
	case older.Size == 0 || older.Size == newer.Size:
		return checkTrivial(older, newer, len(proof))
	}
	if err := tlog.CheckTree(hashes, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("%w: sizes %d and %d: %w", ErrConsistency, older.Size, newer.Size, err)
	}
	return nil
}

// emptyRoot is the root of the empty tree (RFC 6962, section 2.1).
var emptyRoot, _ = tlog.TreeHash(0, nil)

func checkTrivial(older, newer Checkpoint, proof int) error {
	switch {
	case proof != 0:
		return fmt.Errorf("%w: a proof where none is due", ErrConsistency)
	case older.Size == 0 && older.Root != emptyRoot, newer.Size == 0 && newer.Root != emptyRoot:
		return fmt.Errorf("%w: an empty log with a root", ErrConsistency)
	case older.Size == newer.Size && older.Root != newer.Root:
		return fmt.Errorf("%w: two roots at size %d: this is a fork", ErrConsistency, newer.Size)
	}
	return nil
}

func readProof(proof [][]byte) ([]tlog.Hash, error) {
	if len(proof) > maxProof {
		return nil, fmt.Errorf("a proof of %d hashes, at most %d", len(proof), maxProof)
	}
	hashes := make([]tlog.Hash, len(proof))
	for i, hash := range proof {
		if len(hash) != tlog.HashSize {
			return nil, fmt.Errorf("a hash of %d bytes in the proof", len(hash))
		}
		hashes[i] = tlog.Hash(hash)
	}
	return hashes, nil
}
