package kustomize

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// errUnreadable: a commit's fleet.yaml is missing, or does not say what its
// rules are.
var errUnreadable = errors.New("fleet.yaml cannot be read")

func isUnreadable(err error) bool { return errors.Is(err, errUnreadable) }

// rules reads the signing block of a commit's fleet.yaml. The error is
// [errUnreadable] for what the file says, and another for a broken mirror.
func (v *verifier) rules(name string) (*Signing, error) {
	root, err := v.treeOf(name)
	if err != nil {
		return nil, err
	}
	entry, err := v.diff.at(root, FleetFile)
	var refused *TreeError
	if errors.As(err, &refused) {
		return nil, errors.Join(errUnreadable, err)
	}
	if err != nil {
		return nil, err
	}
	if entry.mode != "100644" && entry.mode != "100755" {
		return nil, errUnreadable
	}
	if entry.hash == v.blob {
		return v.rulesOf, nil
	}
	data, err := v.objects.read(plumbing.BlobObject, entry.hash.String(), api.MaxFileSize)
	if errors.Is(err, ErrTooLarge) {
		return nil, errors.Join(errUnreadable, err)
	}
	if err != nil {
		return nil, err
	}
	rules, err := rulesIn(data)
	if err != nil {
		return nil, errors.Join(errUnreadable, err)
	}
	v.blob, v.rulesOf = entry.hash, rules
	return rules, nil
}

// checkSigning reads the signers of a fleet.yaml. Errors are
// *[api.ParseError], joined.
func checkSigning(data []byte, fleet *api.Fleet) error {
	_, err := NewSigning(fleet.Spec.Signing)
	if err == nil {
		return nil
	}
	entries := []error{err}
	if joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error }); ok {
		entries = joined.Unwrap()
	}
	var failed []error
	for _, e := range entries {
		problem := &api.ParseError{File: FleetFile, Line: 1, Field: "spec.signing", Problem: e.Error()}
		if entry := new(SignerError); errors.As(e, &entry) {
			problem.Field, problem.Problem = fmt.Sprintf("spec.signing.%s[%d]", entry.List, entry.Index), entry.Err.Error()
			problem.Line = api.FleetLine(data, problem.Field)
		}
		failed = append(failed, problem)
	}
	return errors.Join(failed...)
}

func rulesIn(data []byte) (*Signing, error) {
	fleet, err := api.ParseFleet(FleetFile, data)
	if err != nil {
		return nil, err
	}
	return NewSigning(fleet.Spec.Signing)
}
