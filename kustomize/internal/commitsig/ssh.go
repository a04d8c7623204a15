package commitsig

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// namespace is what git signs commits in (gitformat-signature(5)). A signature
// over the same bytes in another, such as ssh-keygen's own "file", was not made
// as a commit and does not count.
const namespace = "git"

// verifySSH checks an SSHSIG (openssh PROTOCOL.sshsig). The key must be of a
// line whose principals match the committer's address: the forges' rule, so
// that the name in the log is one that the line's owner may use.
func (s *Signers) verifySSH(payload []byte, armored, committer string, now time.Time) (string, error) {
	sig, err := unarmorSSH(armored)
	if err != nil {
		return "", err
	}
	fingerprint := ssh.FingerprintSHA256(sig.PublicKey)
	if err := sshsig.Verify(bytes.NewReader(payload), sig, sig.PublicKey, sig.HashAlgorithm, namespace); err != nil {
		if errors.Is(err, sshsig.ErrNamespaceMismatch) {
			return "", fmt.Errorf("its signature by %s is in namespace %.40q, not %q", fingerprint, sig.Namespace, namespace)
		}
		return "", fmt.Errorf("its signature by %s is not over this commit", fingerprint)
	}
	if err := s.allow(sig.PublicKey, committer, now); err != nil {
		return "", fmt.Errorf("it is signed by %s, %w", fingerprint, err)
	}
	return committer + " " + fingerprint, nil
}

// unarmorSSH wants one signature and nothing around it.
func unarmorSSH(armored string) (*sshsig.Signature, error) {
	block, rest := pem.Decode([]byte(armored))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 || len(block.Headers) > 0 {
		return nil, errors.New("its SSH signature is not one armored block")
	}
	sig, err := sshsig.Unarmor([]byte(armored))
	if err != nil {
		return nil, errors.New("its SSH signature cannot be read")
	}
	return sig, nil
}

// allow finds the line that lets a key sign. The error of the line that comes
// closest says why none does.
func (s *Signers) allow(key ssh.PublicKey, committer string, now time.Time) error {
	refused := errors.New("who is not an allowed signer")
	for _, a := range s.ssh {
		if !bytes.Equal(a.key.Marshal(), key.Marshal()) {
			continue
		}
		switch {
		case a.namespaces != "" && !matchList(namespace, a.namespaces):
			refused = fmt.Errorf("whose line does not allow namespace %q", namespace)
		case !matchList(committer, a.principals):
			refused = fmt.Errorf("whose line is for %s, and the committer is %s", short(a.principals), short(committer))
		case !a.validAt(now):
			refused = fmt.Errorf("who is not valid now (%s)", a.span())
		default:
			return nil
		}
	}
	return refused
}

func (a *allowed) span() string {
	var parts []string
	if !a.after.IsZero() {
		parts = append(parts, "valid after "+a.after.Format(time.RFC3339))
	}
	if !a.before.IsZero() {
		parts = append(parts, "valid before "+a.before.Format(time.RFC3339))
	}
	return strings.Join(parts, ", ")
}

// short quotes text that a stranger wrote, cut to a length for a condition.
func short(text string) string { return fmt.Sprintf("%.100q", text) }
