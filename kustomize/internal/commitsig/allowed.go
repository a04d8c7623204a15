package commitsig

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// allowed is one line of an allowed_signers file, ssh-keygen(1):
//
//	principals [options] keytype base64 [comment]
//
// Options are separated by commas. Differences to OpenSSH, each on the strict
// side: cert-authority is refused (a certificate would let an authority outside
// Git name signers), times must end in Z (the same line would mean another time
// on each machine), and weak keys are refused.
type allowed struct {
	principals string
	namespaces string // "" for all
	after      time.Time
	before     time.Time // zero for never
	key        ssh.PublicKey
}

// minRSABits is the least size of an RSA key that counts.
const minRSABits = 2048

var keyTypes = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoRSA,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256,
}

func parseAllowed(line string) (*allowed, error) {
	if strings.ContainsAny(line, "\n\r\x00") {
		return nil, errors.New("is more than one line")
	}
	line = strings.Trim(line, " \t")
	if line == "" || line[0] == '#' {
		return nil, errors.New("holds no key")
	}
	principals, rest, err := cutQuoted(line)
	if err != nil {
		return nil, err
	}
	if principals == "" {
		return nil, errors.New("names no principal")
	}
	a := &allowed{principals: principals}
	// As in OpenSSH: what is not a key is tried as options before a key.
	if key, err := parseKey(rest); err == nil {
		a.key = key
		return a, a.checkKey()
	}
	options, rest, err := cutQuoted(rest)
	if err != nil {
		return nil, err
	}
	if a.key, err = parseKey(rest); err != nil {
		return nil, err
	}
	if err := a.parseOptions(options); err != nil {
		return nil, err
	}
	return a, a.checkKey()
}

// cutQuoted takes what stands before the first space or tab outside of double
// quotes.
func cutQuoted(line string) (word, rest string, err error) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && quoted && i+1 < len(line) && line[i+1] == '"':
			i++
		case line[i] == '"':
			quoted = !quoted
		case (line[i] == ' ' || line[i] == '\t') && !quoted:
			return unquoteWhole(line[:i]), strings.TrimLeft(line[i:], " \t"), nil
		}
	}
	if quoted {
		return "", "", errors.New("has a quote that does not end")
	}
	return unquoteWhole(line), "", nil
}

// unquoteWhole takes the quotes off a word that is quoted as a whole.
func unquoteWhole(word string) string {
	if len(word) >= 2 && word[0] == '"' && word[len(word)-1] == '"' && strings.Count(word, `"`) == 2 {
		return word[1 : len(word)-1]
	}
	return word
}

// parseKey reads "keytype base64 [comment]" and nothing before it.
func parseKey(text string) (ssh.PublicKey, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return nil, errors.New("has no key")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(fields[0] + " " + fields[1]))
	if err != nil || len(options) > 0 || key.Type() != fields[0] {
		return nil, errors.New("has no key of the form TYPE BASE64")
	}
	return key, nil
}

func (a *allowed) checkKey() error {
	if !slices.Contains(keyTypes, a.key.Type()) {
		return fmt.Errorf("has a key of type %q; of use are %s", a.key.Type(), strings.Join(keyTypes, ", "))
	}
	if wrapped, ok := a.key.(ssh.CryptoPublicKey); ok {
		if key, ok := wrapped.CryptoPublicKey().(*rsa.PublicKey); ok && key.N.BitLen() < minRSABits {
			return fmt.Errorf("has an RSA key of %d bits; the least is %d", key.N.BitLen(), minRSABits)
		}
	}
	return nil
}

func (a *allowed) parseOptions(text string) error {
	seen := map[string]bool{}
	for text != "" {
		option, rest, err := cutOption(text)
		if err != nil {
			return err
		}
		text = rest
		name, value, valued := strings.Cut(option, "=")
		name = strings.ToLower(name)
		if seen[name] {
			return fmt.Errorf("has the option %q twice", name)
		}
		seen[name] = true
		if err := a.setOption(name, value, valued); err != nil {
			return err
		}
	}
	if !a.before.IsZero() && !a.after.Before(a.before) {
		return errors.New("is never valid: valid-after is not before valid-before")
	}
	return nil
}

// cutOption takes what stands before the first comma outside of quotes.
func cutOption(text string) (option, rest string, err error) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			if i+1 == len(text) {
				return "", "", errors.New("has an empty option")
			}
			return text[:i], text[i+1:], nil
		}
	}
	return text, "", nil
}

func (a *allowed) setOption(name, value string, valued bool) error {
	if name == "cert-authority" {
		return errors.New("names a certificate authority, which is not supported: list each signer's own key")
	}
	if !slices.Contains([]string{"namespaces", "valid-after", "valid-before"}, name) {
		return fmt.Errorf("has the unknown option %.40q", name)
	}
	if !valued || len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return fmt.Errorf("has the option %s without a value in double quotes", name)
	}
	value = value[1 : len(value)-1]
	var err error
	switch name {
	case "namespaces":
		if a.namespaces = value; value == "" {
			err = errors.New("has the option namespaces without a name")
		}
	case "valid-after":
		a.after, err = parseTime(name, value)
	case "valid-before":
		a.before, err = parseTime(name, value)
	}
	return err
}

// parseTime reads YYYYMMDDZ or YYYYMMDDHHMM[SS]Z.
func parseTime(name, text string) (time.Time, error) {
	for _, layout := range []string{"20060102Z", "200601021504Z", "20060102150405Z"} {
		if t, err := time.Parse(layout, text); err == nil && len(text) == len(layout) {
			return t, nil
		}
	}
	return time.Time{},
		fmt.Errorf("has %s=%.40q, which is not YYYYMMDDZ or YYYYMMDDHHMM[SS]Z; the Z is needed, because without it each "+
			"machine reads its own time zone", name, text)
}

// validAt says whether the line counts at a time: from valid-after on, and
// before valid-before.
func (a *allowed) validAt(now time.Time) bool {
	return !now.Before(a.after) && (a.before.IsZero() || now.Before(a.before))
}
