package sealing

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// successionFormat is the first line of a succession's text.
const successionFormat = "bulla.dev/root-succession/v1"

// succession is one step from a root key to the next: what the old key signs.
//
//	bulla.dev/root-succession/v1
//	fleet "6f1c…"
//	serial 7
//	from "acme+…"
//	to "acme+…"
//
// The serial is that of the first fleet.yaml that the new key signs.
type succession struct {
	fleet    string
	serial   int64
	from, to string
}

func (s succession) text() string {
	return fmt.Sprintf("%s\nfleet %q\nserial %d\nfrom %q\nto %q\n", successionFormat, s.fleet, s.serial, s.from, s.to)
}

// parseSuccession reads the one spelling that text writes.
func parseSuccession(text string) (succession, error) {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		fields[name] = value
	}
	var s succession
	var errs [4]error
	s.fleet, errs[0] = strconv.Unquote(fields["fleet"])
	s.serial, errs[1] = strconv.ParseInt(fields["serial"], 10, 64)
	s.from, errs[2] = strconv.Unquote(fields["from"])
	s.to, errs[3] = strconv.Unquote(fields["to"])
	if errors.Join(errs[:]...) != nil || s.text() != text {
		return succession{}, errors.New("its text is not in the canonical form")
	}
	return s, nil
}

// SignSuccession is the old root key's word that verifier key to takes its
// place with the fleet.yaml of that serial: a signed note for
// spec.RootSuccession. The new key then signs that fleet.yaml ([SignFleet]).
func SignSuccession(fleet string, serial int64, name string, old crypto.Signer, to string) (string, error) {
	signer, err := NewSigner(name, old)
	if err != nil {
		return "", fmt.Errorf("sign succession: %w", err)
	}
	if _, err := parseVerifierKey(to); err != nil {
		return "", fmt.Errorf("sign succession: read the new key: %w", err)
	}
	from := VerifierKey(name, old.Public().(*ecdsa.PublicKey)) // NewSigner wants one
	if from == to {
		return "", errors.New("sign succession: the new key is the old one")
	}
	step := succession{fleet: fleet, serial: serial, from: from, to: to}
	signed, err := note.Sign(&note.Note{Text: step.text()}, signer)
	if err != nil {
		return "", fmt.Errorf("sign succession: %w", err)
	}
	return string(signed), nil
}

// rootLine returns the fleet's root keys, oldest first; nil when the key never
// changed. Each step is signed by the key that it leaves, for this fleet, in
// rising serials, and begins where the one before ended. No key stands twice:
// a key that was left never comes back.
func rootLine(spec *api.FleetSpec) ([]string, error) {
	var line []string
	var serial int64
	for i, signed := range spec.RootSuccession {
		step, err := openSuccession(signed)
		if err != nil {
			return nil, fmt.Errorf("root succession %d: %w", i+1, err)
		}
		if i == 0 {
			line = []string{step.from}
		}
		if err := follows(spec, step, line, serial); err != nil {
			return nil, fmt.Errorf("root succession %d: %w", i+1, err)
		}
		line, serial = append(line, step.to), step.serial
	}
	return line, nil
}

// RootKeys returns the fleet's root keys as verifier keys, oldest first: those that
// were succeeded, and the one that signed. pinned is one of them. Errors are
// [ErrSignature], as [VerifyFleet] gives it.
func RootKeys(spec *api.FleetSpec, pinned string) ([]string, error) {
	return verifiedLine(spec, pinned)
}

// openSuccession reads a step and verifies it under the key that it names as
// the old one.
func openSuccession(signed string) (succession, error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	step, err := parseSuccession(text + "\n")
	if err != nil {
		return succession{}, err
	}
	from, err := parseVerifierKey(step.from)
	if err != nil {
		return succession{}, fmt.Errorf("read the old key: %w", err)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(from))
	if err != nil {
		return succession{}, fmt.Errorf("it is not signed by the key it leaves: %w", err)
	}
	if opened.Text != step.text() {
		return succession{}, errors.New("its text is not in the canonical form")
	}
	return step, nil
}

func follows(spec *api.FleetSpec, step succession, line []string, after int64) error {
	switch {
	case step.fleet != spec.ID:
		return fmt.Errorf("it is of fleet %q", step.fleet)
	case step.from != line[len(line)-1]:
		return errors.New("it does not begin where the one before ended")
	case slices.Contains(line, step.to):
		return errors.New("it leads back to a key that was left")
	case step.serial <= after || step.serial > spec.Serial:
		return fmt.Errorf("its serial %d is not between %d and the fleet's %d", step.serial, after, spec.Serial)
	}
	_, err := parseVerifierKey(step.to)
	return err
}
