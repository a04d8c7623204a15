package kustomize

import (
	"errors"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/bulla-dev/bulla/api/v1alpha1"
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
	data, err := v.objects.read(plumbing.BlobObject, entry.hash.String(), v1alpha1.MaxFileSize)
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

func rulesIn(data []byte) (*Signing, error) {
	fleet, err := v1alpha1.ParseFleet(FleetFile, data)
	if err != nil {
		return nil, err
	}
	return NewSigning(fleet.Spec.Signing)
}
