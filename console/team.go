package console

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/console/session"
	"github.com/bulla-dev/bulla/desk/signin"
)

// Team is a console that people sign in to, each with what they may do themselves.
type Team struct {
	http.Handler
	// Sessions are who is in.
	Sessions *guard.Sessions

	console  *Console
	options  TeamOptions
	book     *session.Book
	origins  []string
	provider string
}

// TeamOptions are what a team's console has that one on loopback has not.
type TeamOptions struct {
	// URL is how people reach it: "https://console.example.com".
	URL string
	// SignIn is the console as the provider knows it. It comes back to [SignInPath].
	SignIn *signin.Client
	// Idle ends a session that was not used for so long, Life each one.
	Idle, Life time.Duration
	// Groups at the provider, one of which a person is in who may sign in; none lets in whom the
	// provider does.
	Groups []string
	// KeyService is asked in each person's own name; its zero value is none.
	KeyService session.KeyService
	Log        *slog.Logger
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// SignInPath is where a provider sends browsers back to, SignedOutPath where to after they
// signed out there.
const (
	SignInPath    = "/callback"
	SignedOutPath = "/signed-out"
)

// strangers may all come by the one address of a proxy: a team that signs in in the morning,
// each with pages, style and scripts.
var strangers = guard.Rate{Each: 20, Burst: 600}

// Team puts the guards of a console for several people before its pages.
func (c *Console) Team(o TeamOptions) (*Team, error) {
	issuer, err := url.Parse(o.SignIn.Issuer())
	if err != nil {
		return nil, errors.New("the issuer is no address")
	}
	t := &Team{console: c, options: o, origins: []string{strings.TrimSuffix(o.URL, "/")}, provider: issuer.Host,
		Sessions: &guard.Sessions{Idle: o.Idle, Life: o.Life, Now: o.Now}}
	if t.book, err = session.New(session.Options{Client: o.SignIn, Sessions: t.Sessions, Origins: t.origins,
		Groups: o.Groups, Log: o.Log}); err != nil {
		return nil, err
	}
	c.team, c.who = t, t.person
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sign-in", t.signIn)
	mux.HandleFunc("GET "+SignInPath, t.signedIn)
	mux.HandleFunc("POST /sign-out", t.signOut)
	mux.HandleFunc("GET "+SignedOutPath, t.signedOut)
	mux.Handle("/", t.held(c.Handler()))
	g := &guard.Guard{Origins: t.origins, Sessions: t.Sessions,
		Doors:    []string{"/sign-in", SignInPath, SignedOutPath, "/static/"},
		Stranger: t.stranger, Refuse: t.failed, Log: o.Log, Strangers: strangers}
	t.Handler = g.Handler(mux)
	return t, nil
}

// holder is who signed in; nil for a stranger.
func holder(r *http.Request) *session.Session {
	at := guard.Of(r.Context())
	if at == nil {
		return nil
	}
	s, _ := at.Holder.(*session.Session)
	return s
}

// person is who asks, with a key service of their own.
func (t *Team) person(r *http.Request) (Person, error) {
	s := holder(r)
	if s == nil {
		return Person{}, nil
	}
	p := Person{Owner: s.Owner(), Name: s.Name(), Email: s.Email(), Forge: s.Forge()}
	if t.options.KeyService.URL == "" {
		p.NotAsked = fault.New("an operator of the console gives it one: bulla-console serve --key-service",
			"this console has no key service")
		return p, nil
	}
	snapshot, err := t.console.clone.Snapshot(r.Context())
	if err != nil {
		return p, err
	}
	service, err := s.Service(t.options.KeyService, snapshot.Model.Fleet.Spec.ID)
	if err != nil {
		p.NotAsked = err
		return p, nil //nolint:nilerr // pages say it
	}
	p.Service = service
	return p, nil
}

// held lets somebody on whose token still counts: when it ends, so does the session, on
// pages too that ask nobody.
func (t *Team) held(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := holder(r)
		if s == nil { // at a door
			pages.ServeHTTP(w, r)
			return
		}
		_, err := s.Token(r.Context())
		switch {
		case errors.Is(err, session.ErrEnded):
			t.Sessions.End(w, r, t.origins)
			t.offer(w, r, err)
		case err != nil:
			t.failed(w, r, &statusError{http.StatusServiceUnavailable, err})
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// failed shows what failed before a page was asked for, to whoever it was.
func (t *Team) failed(w http.ResponseWriter, r *http.Request, err error) {
	if s := holder(r); s != nil {
		who := Person{Owner: s.Owner(), Name: s.Name(), Email: s.Email()}
		r = r.WithContext(context.WithValue(r.Context(), personKey{}, who))
	}
	t.console.failed(w, r, err)
}

// stranger answers who is not in. Of a link that was followed from another site browsers
// keep the session's cookie back: the page asks once more, by itself, before it says so.
func (t *Team) stranger(w http.ResponseWriter, r *http.Request, _ error) {
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method == http.MethodGet && (site == "cross-site" || site == "same-site") {
		t.goOn(w, r, session.Local(r.URL.RequestURI()), "One moment")
		return
	}
	t.offer(w, r, nil)
}

// goOn leads on by a page: a redirect would still be another site's navigation, without the
// session's cookie.
func (t *Team) goOn(w http.ResponseWriter, r *http.Request, to, title string) {
	if err := t.console.leadOn(w, r, title, to); err != nil {
		t.console.failed(w, r, err)
	}
}

// offer is the page to sign in at.
func (t *Team) offer(w http.ResponseWriter, r *http.Request, why error) {
	t.offerAs(w, r, why, http.StatusUnauthorized)
}

// offerAs leads who may not be in to the provider's sign-out, where it has one: without it
// the same person would be sent back.
func (t *Team) offerAs(w http.ResponseWriter, r *http.Request, why error, status int) {
	next := "/"
	if r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" && r.URL.Path != SignInPath {
		next = session.Local(r.URL.RequestURI())
	}
	body := map[string]any{"Provider": t.provider, "Link": "/sign-in?next=" + url.QueryEscape(next)}
	if why != nil {
		body["Why"], body["Hint"] = why.Error(), fault.Hint(why)
	}
	title := "Sign in"
	if errors.Is(why, session.ErrNotAdmitted) {
		title, body["Another"] = "You are not let in", true
		body["End"] = t.options.SignIn.End(r.Context(), t.origins[0]+SignedOutPath)
	}
	t.show(w, r, page{Template: "signin.html", Title: title, Status: status, Body: body})
}

func (t *Team) show(w http.ResponseWriter, r *http.Request, p page) {
	if err := t.console.show(w, r, p); err != nil {
		t.console.failed(w, r, err)
	}
}

func (t *Team) signIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.Header.Get("Sec-Purpose") != "" {
		w.WriteHeader(http.StatusNoContent) // what looks ahead for a person is not them
		return
	}
	if err := t.book.Begin(w, r, r.URL.Query().Get("next")); err != nil {
		t.apart(w, r, err)
	}
}

// apart tells somebody who is not in that nobody can sign in now, and the log why: what was
// asked has addresses that are nothing for strangers.
func (t *Team) apart(w http.ResponseWriter, r *http.Request, err error) {
	reference := rand.Text()[:8]
	t.options.Log.Warn("nobody can sign in now", "reference", reference, "error", err.Error(), "hint", fault.Hint(err))
	t.console.failed(w, r, &statusError{http.StatusBadGateway, fault.New("try it again in a while; if it stays so, tell "+
		"whoever runs this console the reference "+reference+": their log says why",
		"sign in: the provider cannot be asked now")})
}

func (t *Team) signedIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.Header.Get("Sec-Purpose") != "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	next, err := t.book.Complete(w, r)
	if signin.IsAway(err) {
		t.apart(w, r, err)
		return
	}
	if errors.Is(err, session.ErrNotAdmitted) {
		t.offerAs(w, r, err, http.StatusForbidden)
		return
	}
	if err != nil {
		t.console.failed(w, r, &statusError{http.StatusForbidden, err})
		return
	}
	t.goOn(w, r, next, "You are in")
}

// signOut answers with a page that leads to the provider's own: of a form, browsers follow a
// redirect to this site alone, by the policy of the pages.
func (t *Team) signOut(w http.ResponseWriter, r *http.Request) {
	t.Sessions.End(w, r, t.origins)
	end := t.options.SignIn.End(r.Context(), t.origins[0]+SignedOutPath)
	if end != "" {
		w.Header().Set("Refresh", "0; url="+end)
	}
	t.show(w, r, page{Template: "signedout.html", Title: "You are signed out",
		Body: map[string]string{"End": end, "Provider": t.provider}})
}

func (t *Team) signedOut(w http.ResponseWriter, r *http.Request) {
	if holder(r) != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	t.show(w, r, page{Template: "signedout.html", Title: "You are signed out", Body: map[string]string{}})
}
