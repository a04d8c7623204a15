package commitsig

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// Signers are the keys whose signatures count. The zero value has none. It is
// safe for concurrent use.
type Signers struct {
	ssh []*allowed
	pgp openpgp.EntityList
}

// LineError says which entry of a list of signers cannot be read.
type LineError struct {
	// List is "allowedSigners" or "openPGPKeys".
	List string
	// Index counts from 0.
	Index int
	Err   error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s[%d]: %v", e.List, e.Index, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// NewSigners reads lines of an allowed_signers file and armored OpenPGP public
// keys, one key to an entry. Errors are *[LineError], joined: one entry that
// cannot be read must not silently leave a signer out, or in.
func NewSigners(lines, keys []string) (*Signers, error) {
	s := &Signers{}
	var failed []error
	for i, line := range lines {
		a, err := parseAllowed(line)
		if err != nil {
			failed = append(failed, &LineError{"allowedSigners", i, err})
			continue
		}
		s.ssh = append(s.ssh, a)
	}
	for i, text := range keys {
		key, err := parseOpenPGPKey(text)
		if err != nil {
			failed = append(failed, &LineError{"openPGPKeys", i, err})
			continue
		}
		s.pgp = append(s.pgp, key)
	}
	return s, errors.Join(failed...)
}

// Join returns the signers of both.
func (s *Signers) Join(other *Signers) *Signers {
	return &Signers{
		ssh: append(append([]*allowed{}, s.ssh...), other.ssh...),
		pgp: append(append(openpgp.EntityList{}, s.pgp...), other.pgp...),
	}
}

// Empty says whether there is no signer at all.
func (s *Signers) Empty() bool { return len(s.ssh)+len(s.pgp) == 0 }

const (
	sshArmor     = "-----BEGIN SSH SIGNATURE-----\n"
	openPGPArmor = "-----BEGIN PGP SIGNATURE-----\n"
	x509Armor    = "-----BEGIN SIGNED MESSAGE-----\n"
)

// Verify checks a commit's signature, and that its key is a signer's who is
// valid at now, the time of acceptance. It returns the signer in words for
// people: an address, and the key's fingerprint.
func (s *Signers) Verify(c *Commit, now time.Time) (who string, err error) {
	payload, armored, err := c.Signed()
	if err != nil {
		return "", err
	}
	switch {
	case strings.HasPrefix(armored, sshArmor):
		return s.verifySSH(payload, armored, c.Committer(), now)
	case strings.HasPrefix(armored, openPGPArmor):
		return s.verifyOpenPGP(payload, armored, now)
	case strings.HasPrefix(armored, x509Armor):
		return "", errors.New("it has an X.509 signature, which is not supported; sign with SSH or OpenPGP")
	}
	return "", errors.New("its gpgsig header holds no SSH or OpenPGP signature")
}
