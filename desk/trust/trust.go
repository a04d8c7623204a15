// Package trust keeps the root verifier keys that a person trusts, one for
// each fleet, outside Git.
//
// The fleet repository holds the sealing keys, and whoever can write to it can
// put in a key of their own. So the key that signs them is pinned here, in the
// user's configuration, once, from a channel that is not that repository. The
// file is refused when anybody else can write to it: then it pins nothing.
package trust

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/personal"
	"github.com/bulla-dev/bulla/sealing"
)

// Pin is the trusted root verifier key of one fleet.
type Pin struct {
	// Fleet is the fleet's id.
	Fleet string `json:"fleet"`
	// Name is the fleet's name when it was pinned, for people only.
	Name string `json:"name,omitempty"`
	// RootKey is a note verifier key (golang.org/x/mod/sumdb/note).
	RootKey string `json:"rootKey"`
	// Known is what the newest fleet.yaml that was sealed under tells; nil before.
	Known *sealing.Known `json:"known,omitempty"`
}

// Newest is Known, or the zero value.
func (p Pin) Newest() sealing.Known {
	if p.Known == nil {
		return sealing.Known{}
	}
	return *p.Known
}

// ErrWritable reports a store that other users can write to.
var ErrWritable = errors.New("other users can write to it")

// ConflictError reports that another key is pinned for the fleet.
type ConflictError struct{ Pinned Pin }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("fleet %s is pinned to another root key, %s", e.Pinned.Fleet, e.Pinned.RootKey)
}

// Store is the file of pins.
type Store struct{ file *personal.Store[document] }

const file = "trust.yaml"

func rules() personal.Rules {
	return personal.Rules{Nobody: 0o022, Exposed: ErrWritable, Then: "then look at it with `bulla trust list`",
		Writer: "`bulla trust KEY`"}
}

// Open returns the user's store, bulla/trust.yaml in their configuration.
func Open() (*Store, error) {
	file, err := personal.Open[document](file, rules())
	if err != nil {
		return nil, err
	}
	return &Store{file}, nil
}

// OpenIn is the store of a program that keeps one in a folder of its own.
func OpenIn(folder string) *Store { return &Store{personal.OpenIn[document](folder, file, rules())} }

// Path of the store's file, which may not exist yet.
func (s *Store) Path() string { return s.file.Path() }

type document struct {
	Pins []Pin `json:"pins"`
}

// List returns the pins, sorted by fleet.
func (s *Store) List() ([]Pin, error) {
	all, err := s.file.Read()
	return all.Pins, err
}

// Lookup returns the pin of a fleet.
func (s *Store) Lookup(fleet string) (Pin, bool, error) {
	pins, err := s.List()
	if err != nil {
		return Pin{}, false, err
	}
	i := slices.IndexFunc(pins, func(p Pin) bool { return p.Fleet == fleet })
	if i < 0 {
		return Pin{}, false, nil
	}
	return pins[i], true, nil
}

// Add pins a key. Another key for the same fleet is a *[ConflictError] unless
// replace is set.
func (s *Store) Add(pin Pin, replace bool) error {
	pins, err := s.List()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(pins, func(p Pin) bool { return p.Fleet == pin.Fleet })
	switch {
	case i < 0:
		pins = append(pins, pin)
	case pins[i].RootKey != pin.RootKey && !replace:
		return &ConflictError{Pinned: pins[i]}
	default:
		if pin.Known == nil {
			pin.Known = pins[i].Known
		}
		pins[i] = pin
	}
	return s.write(pins)
}

// Remember keeps what is known of a pinned fleet from now on.
func (s *Store) Remember(fleet string, known sealing.Known) error {
	pins, err := s.List()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(pins, func(p Pin) bool { return p.Fleet == fleet })
	if i < 0 || pins[i].Newest() == known {
		return nil
	}
	pins[i].Known = &known
	return s.write(pins)
}

// Remove forgets a fleet, and reports whether it was pinned.
func (s *Store) Remove(fleet string) (bool, error) {
	pins, err := s.List()
	if err != nil {
		return false, err
	}
	rest := slices.DeleteFunc(slices.Clone(pins), func(p Pin) bool { return p.Fleet == fleet })
	if len(rest) == len(pins) {
		return false, nil
	}
	return true, s.write(rest)
}

func (s *Store) write(pins []Pin) error {
	slices.SortFunc(pins, func(a, b Pin) int { return cmp.Compare(a.Fleet, b.Fleet) })
	return s.file.Write(document{Pins: pins})
}

// VerifierKeyHint says what a root verifier key looks like, and who has it.
const VerifierKeyHint = "it has the form NAME+HASH+KEY, and `bulla-keyservice init` prints it"

// IsVerifierKey reports whether a text could verify anything.
func IsVerifierKey(key string) bool {
	// Against an empty fleet a key that can be read fails by its signature.
	return errors.Is(sealing.VerifyFleet(&api.FleetSpec{}, key), sealing.ErrSignature)
}
