package hsm

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxURI bounds a PKCS#11 URI, in bytes.
const maxURI = 4096

// URI is what a PKCS#11 URI (RFC 7512) says about a token.
type URI struct {
	// Token is the token's label. It is always given.
	Token string
	// Serial, Manufacturer and Model must be the token's own where they are not
	// empty.
	Serial, Manufacturer, Model string
	// Module is the absolute path of the library, from module-path, or empty.
	Module string
	// PINFile is the absolute path of the file with the PIN, from pin-source, or
	// empty.
	PINFile string
}

// URIError says what is wrong with a PKCS#11 URI. It never holds an attribute's
// value: people put PINs there.
type URIError struct {
	// Attribute is the name of the attribute at fault, or empty.
	Attribute string
	Problem   string
	Hint      string
}

func (e *URIError) Error() string {
	if e.Attribute == "" {
		return "read PKCS#11 URI: it " + e.Problem
	}
	return fmt.Sprintf("read PKCS#11 URI: %s %s", e.Attribute, e.Problem)
}

// ParseURI reads a PKCS#11 URI that names a token:
//
//	pkcs11:token=LABEL[;serial=…][;manufacturer=…][;model=…][?module-path=PATH][&pin-source=file:PATH]
//
// The grammar is that of RFC 7512, section 2.3: attributes of the path are
// separated by ";", those of the query by "&", values are percent-encoded UTF-8,
// and no attribute stands twice. What the RFC leaves to the reader:
//
//   - Every attribute of the path narrows which token is meant. One that is not
//     checked against the token, of a slot, a library, an object or a vendor,
//     is refused: to pass over it would use another token than the one meant.
//     Slots above all, because they are numbered anew.
//   - Attributes of the query that are a vendor's are ignored, as the RFC asks.
//   - pin-value is refused: the URI stands in configuration files and in lists of
//     processes. pin-source names a file; a command ("|…") is never run.
//   - module-name is refused, because a loader would search for it.
//
// Errors are *[URIError].
func ParseURI(text string) (URI, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case !ok || !strings.EqualFold(scheme, "pkcs11"):
		return URI{}, &URIError{Problem: "does not begin with pkcs11:",
			Hint: "such as pkcs11:token=acme?module-path=/usr/lib/softhsm/libsofthsm2.so"}
	case len(text) > maxURI:
		return URI{}, &URIError{Problem: fmt.Sprintf("has more than %d bytes", maxURI)}
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	var u URI
	if err := eachAttribute(path, ";", "&", u.setPath); err != nil {
		return URI{}, err
	}
	if hasQuery {
		if err := eachAttribute(query, "&", "/?|", u.setQuery); err != nil {
			return URI{}, err
		}
	}
	if u.Token == "" {
		return URI{}, &URIError{Attribute: "token", Problem: "is missing",
			Hint: "the label that the token was initialised with"}
	}
	return u, nil
}

// eachAttribute splits one component and hands over its decoded attributes.
// also are the characters that may stand for themselves in it, beside those
// that may everywhere.
func eachAttribute(component, separator, also string, set func(name, value string) error) error {
	if component == "" {
		return nil
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(component, separator) {
		name, encoded, ok := strings.Cut(pair, "=")
		if !ok || !isName(name) {
			return &URIError{Problem: "has a part that is not NAME=VALUE",
				Hint: `"` + separator + `" in a value is written percent-encoded`}
		}
		if seen[name] {
			return &URIError{Attribute: name, Problem: "stands twice"}
		}
		seen[name] = true
		value, err := decodeAttribute(name, encoded, also)
		if err != nil {
			return err
		}
		if err := set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// isName accepts pk11-v-attr-nm-char, which every name consists of.
func isName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool { return !isPlain(r, "-_") }) < 0
}

func isPlain(r rune, more string) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(more, r)
}

// decodeAttribute takes the percent-encoding out of a value.
func decodeAttribute(name, encoded, also string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(encoded); i++ {
		c := encoded[i]
		switch {
		case c == '%':
			if i+2 >= len(encoded) || !isHex(encoded[i+1]) || !isHex(encoded[i+2]) {
				return "", &URIError{Attribute: name, Problem: "has a % without two hexadecimal digits"}
			}
			b.WriteByte(unhex(encoded[i+1])<<4 | unhex(encoded[i+2]))
			i += 2
		case isPlain(rune(c), "-._~:[]@!$'()*+,="+also):
			b.WriteByte(c)
		default:
			return "", &URIError{Attribute: name,
				Problem: fmt.Sprintf("has a character that must be percent-encoded, as %%%02X", c)}
		}
	}
	value := b.String()
	switch {
	case !utf8.ValidString(value):
		return "", &URIError{Attribute: name, Problem: "is not UTF-8"}
	case strings.IndexFunc(value, unicode.IsControl) >= 0:
		return "", &URIError{Attribute: name, Problem: "has a control character"}
	case value == "":
		return "", &URIError{Attribute: name, Problem: "is empty", Hint: "leave it out"}
	}
	return value, nil
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

func (u *URI) setPath(name, value string) error {
	switch name {
	case "token":
		u.Token = value
	case "serial":
		u.Serial = value
	case "manufacturer":
		u.Manufacturer = value
	case "model":
		u.Model = value
	case "object", "type", "id":
		return &URIError{Attribute: name, Problem: "names an object",
			Hint: "bulla finds its keys in the token by labels of its own; leave it out"}
	case "slot-id", "slot-description", "slot-manufacturer":
		return &URIError{Attribute: name, Problem: "names a slot, and slots are renumbered",
			Hint: "name the token by token and serial"}
	default:
		return &URIError{Attribute: name, Problem: "is not looked at, so another token than the one meant could be used",
			Hint: "token, serial, manufacturer and model say which token is meant"}
	}
	return nil
}

func (u *URI) setQuery(name, value string) error {
	switch name {
	case "module-path":
		if !filepath.IsAbs(value) {
			return &URIError{Attribute: name, Problem: "is not an absolute path",
				Hint: "the loader must never search for a library that gets the PIN"}
		}
		u.Module = value
	case "module-name":
		return &URIError{Attribute: name, Problem: "would make the loader search",
			Hint: "write module-path with an absolute path"}
	case "pin-source":
		return u.setPINSource(value)
	case "pin-value":
		return refusePINValue()
	}
	return nil // a vendor's
}

// refusePINValue keeps PINs out of URIs.
func refusePINValue() error {
	return &URIError{Attribute: "pin-value", Problem: "puts the PIN where it is kept and shown",
		Hint: "write pin-source=file:/path, or set BULLA_PIN; and choose another PIN, as this one was seen"}
}

// setPINSource accepts a file URI (RFC 8089) of this machine, or a path.
func (u *URI) setPINSource(value string) error {
	bad := &URIError{Attribute: "pin-source", Problem: "is neither file:/PATH nor an absolute path",
		Hint: "the PIN is read from a file, never from a command"}
	if filepath.IsAbs(value) {
		u.PINFile = filepath.Clean(value)
		return nil
	}
	source, err := url.Parse(value)
	if err != nil || !strings.EqualFold(source.Scheme, "file") || source.Host != "" && source.Host != "localhost" ||
		source.User != nil || source.RawQuery != "" || source.ForceQuery || source.Fragment != "" ||
		!filepath.IsAbs(source.Path) || strings.ContainsRune(source.Path, 0) {
		return bad
	}
	u.PINFile = filepath.Clean(source.Path)
	return nil
}
