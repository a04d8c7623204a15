package guard

import (
	"crypto/sha256"
	"net/http"
	"strings"
)

// hostPrefix has browsers take a cookie by TLS alone, and from no other host of the
// domain.
const hostPrefix = "__Host-"

// CookieName is what the console calls a cookie of its own for a purpose, with which other
// hosts of the domain cannot meddle where there is TLS.
func CookieName(origins []string, purpose string) string { return cookieName(origins) + "-" + purpose }

// cookieName has the port in it where there is no TLS: browsers keep cookies for all
// ports of a host together, and two consoles on loopback would end each other's session.
func cookieName(origins []string) string {
	o := newOrigins(origins)
	if o.secure {
		return hostPrefix + "bulla"
	}
	if len(o.hosts) > 0 {
		_, port, _ := strings.Cut(o.hosts[0], ":")
		return "bulla-" + port
	}
	return "bulla"
}

func ownCookie(name, value string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure but on loopback, where there is no TLS
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(name, hostPrefix)}
}

// before is the purpose of the cookie that ends the session before, where several people have
// them. Who comes back from a provider comes from another site, and browsers keep the
// session's own cookie back then: the one before would go on until it idles out, for whoever
// copied it. This one comes along, and can do nothing but end a session when the next begins.
const before = "before"

func beforeCookie(origins []string, ender string) *http.Cookie {
	c := ownCookie(CookieName(origins, before), ender) //nolint:gosec // as there
	c.SameSite = http.SameSiteLaxMode
	return c
}

// dropBefore forgets the session that a request's cookie can end.
func (s *Sessions) dropBefore(r *http.Request, cookie string) {
	sent, err := r.Cookie(cookie)
	if err != nil {
		return
	}
	hash := sha256.Sum256([]byte(sent.Value))
	for at, one := range s.by {
		if one.ender == hash {
			s.forget(at)
			return
		}
	}
}
