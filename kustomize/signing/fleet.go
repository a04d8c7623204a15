package signing

import (
	"errors"
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Check reads the signers of a fleet.yaml. Errors are
// *[api.ParseError], joined.
func Check(data []byte, fleet *api.Fleet) error {
	_, err := New(fleet.Spec.Signing)
	if err == nil {
		return nil
	}
	entries := []error{err}
	if joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error }); ok {
		entries = joined.Unwrap()
	}
	var failed []error
	for _, e := range entries {
		problem := &api.ParseError{File: tree.FleetFile, Line: 1, Field: "spec.signing", Problem: e.Error()}
		if entry := new(EntryError); errors.As(e, &entry) {
			problem.Field, problem.Problem = fmt.Sprintf("spec.signing.%s[%d]", entry.List, entry.Index), entry.Err.Error()
			problem.Line = api.FleetLine(data, problem.Field)
		}
		failed = append(failed, problem)
	}
	return errors.Join(failed...)
}

// In reads the rules of a fleet.yaml.
func In(data []byte) (*Rules, error) {
	fleet, err := api.ParseFleet(tree.FleetFile, data)
	if err != nil {
		return nil, err
	}
	return New(fleet.Spec.Signing)
}
