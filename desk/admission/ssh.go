package admission

import (
	"bytes"
	"crypto"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
)

// knownHosts is the key by which Flux, and most who read SSH Secrets, ask for the hosts.
const knownHosts = "known_hosts"

// sshKeys looks at what an SSH client reads from a Secret.
func sshKeys(values map[string][]byte) []Problem {
	problems := hosts(values[knownHosts])
	key, given := values[corev1.SSHAuthPrivateKey]
	if !given {
		return problems
	}
	field := "data." + corev1.SSHAuthPrivateKey
	parsed, err := ssh.ParseRawPrivateKey(key)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		p := problem(field, "the key is under a passphrase: who reads it must know that too")
		p.Warning = true
		return append(problems, p)
	case err != nil && isPublic(key):
		return append(problems, problem(field, "it is a public key, and a private one is wanted"))
	case err != nil:
		return append(problems, problem(field, "it is no private key that an SSH client reads"))
	case !bytes.HasSuffix(key, []byte("\n")):
		p := problem(field, "the key does not end with a line end: OpenSSH refuses such a file")
		p.Warning = true
		problems = append(problems, p)
	}
	return append(problems, sshPair(parsed, values["ssh-publickey"])...)
}

func isPublic(text []byte) bool {
	_, _, _, _, err := ssh.ParseAuthorizedKey(text)
	return err == nil
}

// sshPair holds a public key that comes along against the private one.
func sshPair(private any, public []byte) []Problem {
	if len(public) == 0 {
		return nil
	}
	given, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		return []Problem{problem("data.ssh-publickey", "it is no public key as OpenSSH writes it")}
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil
	}
	own, err := ssh.NewPublicKey(signer.Public())
	if err == nil && !bytes.Equal(own.Marshal(), given.Marshal()) {
		return []Problem{problem("data.ssh-publickey", "it is the public half of another key than %s",
			corev1.SSHAuthPrivateKey)}
	}
	return nil
}

// hosts reads known_hosts as OpenSSH does: a line that it does not understand is a host
// that it does not know.
func hosts(text []byte) []Problem {
	number, known := 0, 0
	for line := range strings.Lines(string(text)) {
		number++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, _, _, _, _, err := ssh.ParseKnownHosts([]byte(line + "\n")); err != nil {
			return []Problem{problem("data."+knownHosts,
				"line %d is none that OpenSSH reads: HOST TYPE KEY, as ssh-keyscan prints it", number)}
		}
		known++
	}
	if known == 0 && len(text) > 0 {
		return []Problem{problem("data."+knownHosts, "it names no host")}
	}
	return nil
}
