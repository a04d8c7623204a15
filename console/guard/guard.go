// Package guard stands before every page of the console. All requests meet one chain,
// in this order; what one link refuses the next never sees.
//
//  1. A panic is told to nobody, and a line of the log has method, route, status and time.
//  2. Headers: what a page may load, who may frame it, what is kept of it.
//  3. Host: a name that is not the console's own is DNS rebinding.
//  4. Method and path: three methods, and paths that can be read in one way only.
//  5. Site: what another site's page asks for is refused, except that a person follows a link.
//  6. Rate, of a session or of a stranger's address.
//  7. Session: the cookie. Without one there is a door (a link with a token, a sign-in), no page.
//  8. Body: its length, its kind, and the form's own token against forgery.
//
// Other sites, other programs of this machine and other people of the team are the
// attackers here. Who can read the person's own files or memory is the person.
package guard

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
)

// Guard is one console's. Every field is required, except where it says so.
type Guard struct {
	// Origins are how browsers reach the console: "http://127.0.0.1:4711". With https://
	// in all of them the cookie is for TLS alone.
	Origins []string
	// Sessions are who is in.
	Sessions *Sessions
	// Doors are what somebody without a session may ask for: a path, or a folder that
	// ends in "/".
	Doors []string
	// Stranger answers who has no session, everywhere else; err says why.
	Stranger func(w http.ResponseWriter, r *http.Request, err error)
	// Refuse shows a refusal, which is a [*Refusal].
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	Log    *slog.Logger
	// Strangers are how many requests of people who are not in are taken from one address;
	// its zero value is for a console that one person uses.
	Strangers Rate
}

// Rate is a number of requests a second, and how many at once.
type Rate struct{ Each, Burst int }

// Refusal is what a guard answers.
type Refusal struct {
	// Status of HTTP.
	Status int
	error
}

func (e *Refusal) Unwrap() error { return e.error }

func refuse(status int, hint, format string, args ...any) error {
	return &Refusal{status, fault.New(hint, format, args...)}
}

// Handler puts the guards before the pages.
func (g *Guard) Handler(pages http.Handler) http.Handler {
	origins := newOrigins(g.Origins)
	limits := newRates(g.Strangers)
	cookie := cookieName(g.Origins)
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w := &answer{ResponseWriter: out}
		a := &asked{}
		r = a.in(r)
		defer g.end(w, r, a)()
		headers(w.Header(), origins.secure)
		err := origins.check(r)
		if err == nil {
			a.session = g.Sessions.find(r, cookie)
			err = limits.take(r, a.session)
		}
		if err != nil {
			g.Refuse(w, r, err)
			return
		}
		if a.session == nil && !g.isDoor(r.URL.Path) {
			g.Stranger(w, r, refuse(http.StatusUnauthorized, "open the console anew", "nobody is signed in here"))
			return
		}
		if err := checkBody(w, r, a.session); err != nil {
			g.Refuse(w, r, err)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

func (g *Guard) isDoor(path string) bool {
	return slices.ContainsFunc(g.Doors, func(door string) bool {
		return path == door || strings.HasSuffix(door, "/") && strings.HasPrefix(path, door)
	})
}
