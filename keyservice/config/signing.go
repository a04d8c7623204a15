package config

import (
	"errors"
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/signing"
)

// SigningFloor says which commits must be signed, and by whom, whatever
// fleet.yaml says. What Require names, only these signers may sign, if there are
// any; without them it demands a signature by one of fleet.yaml's.
type SigningFloor struct {
	// AllowedSigners are lines of OpenSSH's allowed_signers format.
	AllowedSigners []string `yaml:"allowedSigners"`
	// OpenPGPKeys are armored public keys, one to an entry.
	OpenPGPKeys []string `yaml:"openPGPKeys"`
	// Require lists files and folders; fleet.yaml is always among them.
	Require []string `yaml:"require"`
}

// Spec is the floor as a fleet.yaml would say it.
func (f SigningFloor) Spec() *api.Signing {
	return &api.Signing{AllowedSigners: f.AllowedSigners, OpenPGPKeys: f.OpenPGPKeys, Require: f.Require}
}

// check finds the entries that cannot be served with.
func (f SigningFloor) check(m *mistakes) {
	_, err := signing.Floor(f.Spec())
	for _, err := range parts(err) {
		var signer *signing.EntryError
		if errors.As(err, &signer) {
			m.when(true, fmt.Sprintf("signing.%s[%d]", signer.List, signer.Index), signer.Err.Error(),
				"ssh-keygen(1), ALLOWED SIGNERS; gpg --armor --export KEY")
			continue
		}
		field, problem, _ := strings.Cut(err.Error(), ": ")
		m.when(true, field, problem, "")
	}
}

// parts are the errors that one error joins, at whatever depth they are joined.
func parts(err error) []error {
	var joined interface {
		error
		Unwrap() []error
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		return joined.Unwrap()
	}
	return []error{err}
}
