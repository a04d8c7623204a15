// Package sealer is what a page in a browser seals with: it verifies a fleet under the
// root key, and seals values to the keys that the signature covers. It is built for
// js/wasm by console/sealer/browser, and has nothing of a cluster, a network or YAML.
//
// It gives sealed blocks and no file: the server writes them into the stub, as
// `bulla set` does, and holds ciphertext alone.
//
// No error of it has any part of a value.
package sealer

import (
	"errors"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// Error is what a person reads: what failed, and what to do.
type Error struct {
	Problem string `json:"error"`
	Hint    string `json:"hint"`
}

func (e *Error) Error() string { return e.Problem + "\nhint: " + e.Hint }

// Fleet is one whose signature was verified.
type Fleet struct {
	spec *api.FleetSpec
	// Fingerprint of the root key that was pinned, to be shown and compared.
	Fingerprint string
	// Known is what to keep of it: the next one must not be older.
	Known sealing.Known
}

// Open reads a fleet, in the fields of fleet.yaml as JSON.parse gave them, and verifies
// it under the root key. known is what was kept of the last one, its zero value at first. Another
// root key than the one before is refused, unless repinned says that a person compared
// its fingerprint: the key comes from the server, and a browser that takes whatever
// comes seals to whoever has the server.
func Open(given any, rootKey string, known sealing.Known, repinned bool) (*Fleet, error) {
	fleet := new(api.Fleet)
	if err := Read(given, fleet); err != nil {
		return nil, &Error{"fleet.yaml cannot be read", "load the page anew; if that does not help, tell an operator"}
	}
	fingerprint, err := sealing.Fingerprint(rootKey)
	if err != nil {
		return nil, &Error{"read the root key: " + err.Error(), "tell an operator: the console has no root key"}
	}
	if known.Pinned != "" && known.Pinned != rootKey && !repinned {
		return nil, &Error{"the root key is another than this browser knows: now it is " + fingerprint,
			"compare that with an operator, by telephone; `bulla trust` shows theirs"}
	}
	next, err := known.Accept(&fleet.Spec, rootKey)
	switch {
	case errors.Is(err, sealing.ErrRolledBack):
		return nil, &Error{err.Error(), "load the page anew; an old file may have keys that were taken out since"}
	case err != nil:
		return nil, &Error{"fleet.yaml does not verify: " + err.Error(),
			"do not type a secret here; tell an operator: somebody may have changed the keys"}
	}
	return &Fleet{spec: &fleet.Spec, Fingerprint: fingerprint, Known: next}, nil
}
