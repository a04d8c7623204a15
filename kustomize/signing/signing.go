// Package signing is which changes of a fleet's repository must be signed, and whose
// signatures count.
package signing

import (
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/internal/commitsig"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Rules say which changes must be signed, and whose signatures count. A nil
// Rules demand nothing.
type Rules struct {
	signers *commitsig.Signers
	// require are clean paths without a slash at the end. tree.FleetFile is always
	// one of them: rules that anybody may change are none.
	require []string
}

// New reads what fleet.yaml or an operator's configuration says. Every
// entry is read or the whole is refused.
func New(s *api.Signing) (*Rules, error) {
	if s.Empty() {
		return nil, nil
	}
	signers, err := commitsig.NewSigners(s.AllowedSigners, s.OpenPGPKeys)
	if err != nil {
		return nil, fmt.Errorf("read signers: %w", err)
	}
	rules := &Rules{signers: signers}
	for _, path := range s.Require {
		rules.require = append(rules.require, strings.TrimSuffix(path, "/"))
	}
	if len(rules.require) > 0 {
		rules.require = append(rules.require, tree.FleetFile)
	}
	return rules, nil
}

// Floor reads the signing block of an operator's configuration. Nil for one
// that says nothing.
func Floor(s *api.Signing) (*Rules, error) {
	if err := s.ValidateFloor(); err != nil {
		return nil, err
	}
	return New(s)
}

// EntryError says which entry of a signing block cannot be read.
type EntryError = commitsig.LineError

// Demand is one path whose change must be signed by one of signers.
type Demand struct {
	Path    string
	Signers *commitsig.Signers
}

// Demands joins what the parent commit says with the floor. What the floor
// demands, its own signers must sign, if it names any: whoever may change
// fleet.yaml could add a signer there. A signer of the floor may sign for Git's
// demands too, so that an operator can mend a fleet whose signers are all gone.
func Demands(parent, floor *Rules) []Demand {
	ofParent, ofFloor := &commitsig.Signers{}, &commitsig.Signers{}
	if parent != nil {
		ofParent = parent.signers
	}
	if floor != nil {
		ofFloor = floor.signers
	}
	either := ofParent.Join(ofFloor)
	var all []Demand
	if floor != nil {
		signers := ofFloor
		if signers.Empty() {
			signers = either
		}
		for _, path := range floor.require {
			all = append(all, Demand{path, signers})
		}
	}
	if parent != nil {
		for _, path := range parent.require {
			all = append(all, Demand{path, either})
		}
	}
	return all
}

// UnverifiedError is a commit that may not be accepted.
type UnverifiedError struct {
	Commit string
	// Path is what the commit changes, and Require the rule that demands a
	// signature for it. Both are empty when the shape of the history is at fault.
	Path, Require string
	// Hint says what to do.
	Hint string
	Err  error
}

func (e *UnverifiedError) Error() string {
	text := "commit " + e.Commit
	if e.Require != "" {
		text += fmt.Sprintf(" changes %q, and changes of %q must be signed", e.Path, e.Require)
	}
	return text + ": " + e.Err.Error() + "; hint: " + e.Hint
}

func (e *UnverifiedError) Unwrap() error { return e.Err }
