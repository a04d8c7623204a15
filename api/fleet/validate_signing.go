package fleet

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxSigners = 1000
	maxRequire = 100
)

// Empty says whether nothing is written.
func (s *Signing) Empty() bool {
	return s == nil || s.signers()+len(s.Require) == 0
}

func (s *Signing) signers() int { return len(s.AllowedSigners) + len(s.OpenPGPKeys) }

func (s *Signing) validate(p *problems, field string) {
	for i, line := range s.AllowedSigners {
		if strings.TrimSpace(line) == "" || strings.ContainsAny(line, "\n\r") ||
			strings.HasPrefix(strings.TrimSpace(line), "#") {
			p.add(
				fmt.Sprintf("%s.allowedSigners[%d]", field, i),
				"must be one line of OpenSSH's allowed_signers format, with a key",
			)
		}
	}
	for i, key := range s.OpenPGPKeys {
		if !strings.HasPrefix(key, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n") {
			p.add(
				fmt.Sprintf("%s.openPGPKeys[%d]", field, i),
				"must be an armored OpenPGP public key (gpg --armor --export KEY)",
			)
		}
	}
	for i, prefix := range s.Require {
		p.checkPath(fmt.Sprintf("%s.require[%d]", field, i), strings.TrimSuffix(prefix, "/"))
	}
	if s.signers() > maxSigners || len(s.Require) > maxRequire {
		p.add(field, "has more than %d signers or %d paths", maxSigners, maxRequire)
	}
}

// ValidateFloor checks a floor: the signing block of an operator's
// configuration, which Git cannot lower. It may name no signers, and then Git's
// sign; signers without a demand would look like one. Errors name the field
// below signing, joined.
func (s *Signing) ValidateFloor() error {
	if s.Empty() {
		return nil
	}
	p := &problems{}
	s.validate(p, "signing")
	if len(s.Require) == 0 {
		p.add("signing.require", "is missing: signers alone demand nothing")
	}
	var errs []error
	for _, problem := range p.list {
		errs = append(errs, fmt.Errorf("%s: %s", problem.Field, problem.Problem))
	}
	return errors.Join(errs...)
}
