package commitsig

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ErrUnsigned means that the commit carries no signature.
var ErrUnsigned = errors.New("it is not signed")

// maxSignature bounds an armored signature, in bytes. The largest honest one,
// RSA-8192 with a few subpackets, is under 4 KiB.
const maxSignature = 16 << 10

const signatureHeader = "gpgsig"

var (
	headerName = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9:]*$`)
	// person is a name, an address, seconds since 1970 and a zone, as git
	// writes them. A second pair of brackets would make two addresses.
	person = regexp.MustCompile(`^[^<>\n]*<([^<>\n]*)> [0-9]+ [-+][0-9]{4}$`)
)

// Signed returns the bytes that the commit's signature is over, and the armored
// signature. It refuses what two programs could read in two ways: a name that
// stands twice, a second signature, a NUL that ends the text for a program in C.
// A commit without a signature is [ErrUnsigned].
func (c *Commit) Signed() (payload []byte, armored string, err error) {
	if err := c.unambiguous(); err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(c.others, func(h header) bool { return h.name == signatureHeader })
	if i < 0 {
		return nil, "", ErrUnsigned
	}
	h := c.others[i]
	if h.end-h.start > maxSignature {
		return nil, "", fmt.Errorf("its signature is longer than %d bytes", maxSignature)
	}
	return c.without(h), strings.Join(h.lines, "\n") + "\n", nil
}

// without returns the object's own bytes, less one header: never encoded again.
func (c *Commit) without(h header) []byte {
	return slices.Concat(c.raw[:h.start], c.raw[h.end:])
}

func (c *Commit) unambiguous() error {
	if bytes.IndexByte(c.raw, 0) >= 0 {
		return errors.New("it holds a NUL byte")
	}
	for _, who := range []struct{ name, text string }{{"author", c.author}, {"committer", c.committer}} {
		if !person.MatchString(who.text) {
			return fmt.Errorf("its %s line is not NAME <ADDRESS> SECONDS ZONE", who.name)
		}
	}
	seen := map[string]bool{}
	for _, h := range c.others {
		switch {
		case !headerName.MatchString(h.name) || !h.valued:
			return fmt.Errorf("its header has the line %.40q, which is not a name and a value", h.name)
		case h.name != signatureHeader && strings.HasPrefix(strings.ToLower(h.name), signatureHeader):
			// Git leaves every gpgsig-… out of what it verifies: what stands
			// there is vouched for by nobody.
			return fmt.Errorf("its header has %q, which no signature here covers", h.name)
		case seen[h.name] && h.name != "mergetag": // a merge of several tags has several
			return fmt.Errorf("its header has %q twice", h.name)
		}
		seen[h.name] = true
	}
	return nil
}

// Committer returns the address in the committer line, "" if it has none.
func (c *Commit) Committer() string {
	match := person.FindStringSubmatch(c.committer)
	if match == nil {
		return ""
	}
	return match[1]
}
