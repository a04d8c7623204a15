package git

import (
	"errors"

	"github.com/go-git/go-git/v5/plumbing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// errUnreadable: a commit's fleet.yaml is missing, or does not say what its
// rules are.
var errUnreadable = errors.New("fleet.yaml cannot be read")

func isUnreadable(err error) bool { return errors.Is(err, errUnreadable) }

// rules reads the signing block of a commit's fleet.yaml. The error is
// [errUnreadable] for what the file says, and another for a broken mirror.
func (v *verifier) rules(name string) (*signing.Rules, error) {
	root, err := v.treeOf(name)
	if err != nil {
		return nil, err
	}
	entry, err := v.diff.at(root, tree.FleetFile)
	var refused *tree.Error
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
	if errors.Is(err, tree.ErrTooLarge) {
		return nil, errors.Join(errUnreadable, err)
	}
	if err != nil {
		return nil, err
	}
	rules, err := signing.In(data)
	if err != nil {
		return nil, errors.Join(errUnreadable, err)
	}
	v.blob, v.rulesOf = entry.hash, rules
	return rules, nil
}
