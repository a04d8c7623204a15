package keyservice

import (
	"errors"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
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

func (f SigningFloor) spec() *v1alpha1.Signing {
	return &v1alpha1.Signing{AllowedSigners: f.AllowedSigners, OpenPGPKeys: f.OpenPGPKeys, Require: f.Require}
}

// problem finds the first entry that cannot be served with.
func (f SigningFloor) problem() (field, problem, hint string) {
	_, err := kustomize.NewFloor(f.spec())
	if err == nil {
		return "", "", ""
	}
	const keys = "ssh-keygen(1), ALLOWED SIGNERS; gpg --armor --export KEY"
	var signer *kustomize.SignerError
	if errors.As(err, &signer) {
		return "signing." + strings.TrimPrefix(strings.SplitN(signer.Error(), ":", 2)[0], "signing."), signer.Err.Error(), keys
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	field, problem, _ = strings.Cut(first, ": ")
	return field, problem, ""
}
