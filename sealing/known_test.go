package sealing_test

import (
	"crypto/ecdsa"
	"errors"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// numbered is a fleet with that serial, signed by root.
func numbered(t *testing.T, root *ecdsa.PrivateKey, serial int64, recovery ...string) *api.FleetSpec {
	t.Helper()
	spec := signedFleet(t, root)
	spec.Serial, spec.RecoveryRecipients = serial, recovery
	sign(t, spec, root)
	return spec
}

func accept(t *testing.T, known sealing.Known, spec *api.FleetSpec, pinned *ecdsa.PrivateKey) sealing.Known {
	t.Helper()
	next, err := known.Accept(spec, verifierKey(pinned))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestAnOldFleetIsNotPutBack(t *testing.T) {
	root := newRoot(t)
	first, second := numbered(t, root, 1, "age1pq1stolen"), numbered(t, root, 2)
	known := accept(t, sealing.Known{}, first, root)
	known = accept(t, known, second, root)
	for name, spec := range map[string]*api.FleetSpec{
		"an older one":                   first,
		"another one of the same serial": numbered(t, root, 2, "age1pq1stolen"),
	} {
		if _, err := known.Accept(spec, verifierKey(root)); !errors.Is(err, sealing.ErrRolledBack) {
			t.Errorf("%s: error %v, want ErrRolledBack", name, err)
		}
	}
	if again := accept(t, known, second, root); again != known {
		t.Errorf("the same fleet again is known as %+v, not %+v", again, known)
	}
	if next := accept(t, known, numbered(t, root, 9), root); next.Serial != 9 {
		t.Errorf("a later fleet is known as %+v", next)
	}
}

func TestARootKeyThatWasLeftSignsNothingAnyMore(t *testing.T) {
	first, second, mine := newRoot(t), newRoot(t), newRoot(t)
	known := accept(t, sealing.Known{}, numbered(t, first, 3), first)
	known = accept(t, known, lineOf(t, first, second), first)
	if known.RootKey != verifierKey(second) || known.Serial != 10 {
		t.Fatalf("after the succession %+v is known", known)
	}
	late := lineOf(t, first, mine)
	late.Serial = 99
	sign(t, late, mine)
	for name, spec := range map[string]*api.FleetSpec{
		"the old key on its own":         numbered(t, first, 99),
		"the old key with a line of its": late,
	} {
		if _, err := known.Accept(spec, verifierKey(first)); !errors.Is(err, sealing.ErrSignature) {
			t.Errorf("%s: error %v, want ErrSignature", name, err)
		}
	}
}

func TestWhoPinsAnotherKeyOfTheLineKeepsTheSerial(t *testing.T) {
	first, second := newRoot(t), newRoot(t)
	known := accept(t, sealing.Known{}, lineOf(t, first, second), first)
	if _, err := known.Accept(numbered(t, second, 9), verifierKey(second)); !errors.Is(err, sealing.ErrRolledBack) {
		t.Errorf("an older fleet of the key that was pinned: error %v, want ErrRolledBack", err)
	}
	if next := accept(t, known, numbered(t, second, 11), second); next.Pinned != verifierKey(second) {
		t.Errorf("known is %+v", next)
	}
}

func TestWhoPinsAForeignKeyStartsAnew(t *testing.T) {
	first, other := newRoot(t), newRoot(t)
	known := accept(t, sealing.Known{}, numbered(t, first, 12), first)
	if next := accept(t, known, numbered(t, other, 1), other); next.Serial != 1 || next.RootKey != verifierKey(other) {
		t.Errorf("known is %+v", next)
	}
	// The pin is a person's word; the repository alone cannot start anew.
	if _, err := known.Accept(numbered(t, other, 13), verifierKey(first)); !errors.Is(err, sealing.ErrSignature) {
		t.Errorf("error %v, want ErrSignature", err)
	}
}
