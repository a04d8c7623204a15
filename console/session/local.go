package session

import (
	"net/url"
	"path"
	"strings"
)

// mostPath bounds what is kept of a place to go on to, in bytes.
const mostPath = 1 << 10

// Local is a path of the console to go on to, or "/": an address that somebody else made
// leads nowhere else, in any browser's reading of it.
func Local(next string) string {
	u, err := url.Parse(next)
	strange := func(r rune) bool { return r <= ' ' || r == 0x7F || r == '\\' || r == 0xFFFD }
	if err != nil || len(next) > mostPath || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, strange) ||
		strings.ContainsFunc(u.Path, strange) || u.Path != "/" && path.Clean(u.Path) != u.Path {
		return "/"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.RequestURI()
}
