package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// MaxCheckpoint bounds a signed checkpoint in bytes, with room for the lines of
// witnesses.
const MaxCheckpoint = 16 << 10

// MaxSize bounds the size of a log in entries: 280 million million. tlog's
// arithmetic loops for ever above 2^62, and a checkpoint is what a hostile
// service signs.
const MaxSize = 1 << 48

// ErrCheckpoint means that bytes are not a checkpoint of this log under this
// key.
var ErrCheckpoint = errors.New("not a checkpoint of this audit log")

// ErrOtherKey means that a checkpoint is of the log, whole, and signed by another
// key of its name. It comes with [ErrCheckpoint].
var ErrOtherKey = errors.New("it is signed by another key of this log")

// ErrNoLogKey means that fleet.yaml names no key for the audit log.
var ErrNoLogKey = errors.New("fleet.yaml has no spec.logKey")

// FleetVerifier gives the key that checkpoints of the fleet's log verify under.
// The caller has verified the fleet's signature, which covers it.
func FleetVerifier(spec *api.FleetSpec) (note.Verifier, error) {
	if spec.LogKey == "" {
		return nil, ErrNoLogKey
	}
	verifier, err := sealing.NewVerifier(spec.LogKey)
	if err != nil {
		return nil, fmt.Errorf("read spec.logKey: %w", err)
	}
	if verifier.Name() != Origin(spec.ID) {
		return nil, fmt.Errorf("read spec.logKey: it is of %q, not %q", verifier.Name(), Origin(spec.ID))
	}
	return verifier, nil
}

// Checkpoint is the state of a log: its first Size entries and the root of the
// Merkle tree over them (C2SP tlog-checkpoint). Another Root at the same Size is
// another history.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Origin names the log of a fleet, for ever: the first line of its checkpoints
// and the name of its key.
func Origin(fleet string) string { return "bulla.dev/log/" + fleet }

// Text is the checkpoint's body, three lines: the origin, the size in decimal,
// the root in base64.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// SignCheckpoint gives the checkpoint as a signed note (C2SP signed-note).
func SignCheckpoint(c Checkpoint, signer note.Signer) ([]byte, error) {
	if _, err := parseText(c.Text()); err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return signed, nil
}

// OpenCheckpoint checks the signature under the log's key and that the
// checkpoint is of the log named origin. Signatures by other keys (witnesses)
// are left alone. Every failure is [ErrCheckpoint].
func OpenCheckpoint(signed []byte, origin string, verifier note.Verifier) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: %d bytes, at most %d", ErrCheckpoint, len(signed), MaxCheckpoint)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if isOfOtherKey(err, origin, verifier) {
		return Checkpoint{}, fmt.Errorf("%w: %w: %w", ErrCheckpoint, ErrOtherKey, err)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := parseText(opened.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("%w: it is of %.100q, not %q", ErrCheckpoint, c.Origin, origin)
	}
	return c, nil
}

// isOfOtherKey tells a checkpoint under a key that was replaced from bytes that
// were damaged: they have lost what they said of the log. A signature that is this
// key's under the hash of another key was damaged in that hash.
func isOfOtherKey(err error, origin string, verifier note.Verifier) bool {
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) {
		return false
	}
	text := unverified.Note.Text
	c, err := parseText(text)
	return err == nil && c.Origin == origin &&
		slices.ContainsFunc(unverified.Note.UnverifiedSigs, func(s note.Signature) bool {
			const hash = 4 // bytes, before the signature
			data, err := base64.StdEncoding.DecodeString(s.Base64)
			return err == nil && len(data) > hash && s.Name == origin && !verifier.Verify([]byte(text), data[hash:])
		})
}

// parseText reads exactly what Text writes. Extension lines, which C2SP admits,
// are refused: this log has none, so one would be somebody else's.
func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 {
		return Checkpoint{}, fmt.Errorf("%w: it has not three lines", ErrCheckpoint)
	}
	c := Checkpoint{Origin: lines[0]}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > MaxSize {
		return Checkpoint{}, fmt.Errorf("%w: its size is no size", ErrCheckpoint)
	}
	c.Size = size
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("%w: its root is no hash", ErrCheckpoint)
	}
	c.Root = tlog.Hash(root)
	if c.Origin == "" || c.Text() != text {
		return Checkpoint{}, fmt.Errorf("%w: it is not in canonical form", ErrCheckpoint)
	}
	return c, nil
}
