package guard

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// origins are the console's own.
type origins struct {
	all    []string
	hosts  []string
	secure bool
	cross  *http.CrossOriginProtection
}

func newOrigins(all []string) *origins {
	o := &origins{all: all, secure: len(all) > 0, cross: http.NewCrossOriginProtection()}
	for _, origin := range all {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" {
			continue // no request has an empty Host that passes
		}
		o.hosts = append(o.hosts, u.Host)
		o.secure = o.secure && u.Scheme == "https"
	}
	return o
}

// check refuses what was not meant for this console, or not asked for by its own pages.
func (o *origins) check(r *http.Request) error {
	if !slices.Contains(o.hosts, strings.ToLower(r.Host)) {
		return refuse(http.StatusMisdirectedRequest, "open the address that the console printed",
			"this console does not go by the name that was asked for")
	}
	if err := checkPath(r); err != nil {
		return err
	}
	return o.checkSite(r)
}

// checkPath takes three methods, and paths that mean one thing: a proxy and a router
// that read a path in two ways let through what one of them guards.
func checkPath(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return refuse(http.StatusMethodNotAllowed, "the console takes GET, HEAD and POST",
			"this method does nothing here")
	}
	asked := r.URL.Path
	clean := path.Clean(asked) == asked || asked != "/" && path.Clean(asked)+"/" == asked && asked != "//"
	written := strings.ToLower(r.URL.EscapedPath())
	if r.URL.IsAbs() || r.URL.Host != "" || !strings.HasPrefix(asked, "/") || !clean ||
		strings.Contains(written, "%2f") || strings.Contains(written, "%5c") || strings.ContainsFunc(asked, odd) {
		return refuse(http.StatusBadRequest, "follow a link of the console, or begin at its first page",
			"there is no such address")
	}
	return nil
}

func odd(r rune) bool { return r < ' ' || r == 0x7F || r == '\\' || r == 0xFFFD }

// checkSite refuses what pages of others ask for. Browsers say for each request who had
// it made; a person who follows a link from elsewhere may, since that shows a page to
// them and changes nothing.
func (o *origins) checkSite(r *http.Request) error {
	foreign := func() error {
		return refuse(http.StatusForbidden, "open the console in a tab of its own; if you were just there, load it anew",
			"another site's page asked for this")
	}
	if o.cross.Check(r) != nil {
		return foreign()
	}
	if origin := r.Header.Get("Origin"); origin != "" && !slices.Contains(o.all, strings.ToLower(origin)) {
		return foreign()
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	followed := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document"
	if !followed {
		return foreign()
	}
	return nil
}
