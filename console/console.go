// Package console serves the pages for people who have neither kubectl nor YAML:
// `bulla ui` on loopback, for one person and their clone, and bulla-console for a team.
//
// It holds no key of a fleet and opens nothing. Values are sealed in the browser (package
// console/sealer); what arrives here is ciphertext. All that a person does becomes a
// commit on a branch, and a pull request.
package console

import (
	"context"
	"errors"
	"io/fs"
	"net/http"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/console/pages"
	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// Console has the handlers of all pages.
type Console struct {
	clone   *clone.Clone
	who     func(*http.Request) (Person, error)
	pages   *pages.Set
	drafts  *draft.Desk
	rootKey func(*api.Fleet) (string, error)
	sealer  sealerFiles
	fleet   fleetKept
	forges  forgeAnswers
	books   *logbook.Books
	stubs   *sealed.Stubs

	proposals *Proposals
	accounts  *forgelogin.Forge
	// team is nil of a console on loopback.
	team *Team
}

// Person is who asks.
type Person struct {
	// Owner tells people apart whose names and addresses may be the same, or become another's:
	// issuer and subject; "" of the one person of a console on loopback.
	Owner string
	// Name and Email are what commits of theirs say.
	Name, Email string
	// Service asks the key service in their name; nil where they are not logged in to it.
	// NotAsked says why, and what to do.
	Service  Service
	NotAsked error
	// Forge is the place of their account at the forge, in their session; nil where
	// [Options.Accounts] is.
	Forge *forgelogin.Held
}

// Options are what a console is made of.
type Options struct {
	Clone *clone.Clone
	// Who says who asks; an error is told, and nothing else is done. A console for a team
	// needs none: see [Console.Team].
	Who func(*http.Request) (Person, error)
	// RootKey is the root verifier key that is pinned for a fleet, wherever that is: not in
	// Git. It is an error where the fleet does not verify under it.
	RootKey func(*api.Fleet) (string, error)
	// Proposals make branches and pull requests; nil proposes nothing.
	Proposals *Proposals
	// Accounts are people's own at the forge: what a person requests is pushed as them, and
	// Proposals reads alone. nil pushes by Proposals, as for one person and their clone.
	Accounts *forgelogin.Forge
	// Drafts is how many bytes all drafts of all people may take; 0 is [draft.Memory].
	Drafts int64
	// Sealer is a folder as `make sealer` builds it; nil is the one that is built in.
	Sealer fs.FS
	// Checkpoints keep what was seen last of a fleet's audit log; nil keeps it as long as the
	// console runs.
	Checkpoints func(fleet string) client.Checkpoints
}

// New makes a console.
func New(o Options) (*Console, error) {
	set, err := pages.Parse()
	if err != nil {
		return nil, err
	}
	c := &Console{clone: o.Clone, who: o.Who, pages: set, rootKey: o.RootKey, sealer: openSealer(o.Sealer),
		books: logbook.New(o.RootKey, o.Checkpoints),
		stubs: &sealed.Stubs{}, proposals: o.Proposals, accounts: o.Accounts}
	if o.Clone != nil {
		c.drafts = draft.NewDesk(o.Clone, o.Drafts)
		c.drafts.Service = func(ctx context.Context) (stored.Service, error) { return service(ctx) }
	}
	return c, nil
}

// Handler serves all pages, and guards none: see [Console.Local] and [Console.Team].
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, request *http.Request) {
			p, err := c.who(request)
			request = request.WithContext(context.WithValue(request.Context(), personKey{}, p))
			if err == nil {
				err = r.handle(c, w, request)
			}
			if err != nil {
				c.failed(w, request, err)
			}
		})
	}
	mux.Handle("GET /sealer/", c.sealer)
	mux.Handle("GET /static/", http.StripPrefix("/static/", pages.Static()))
	return mux
}

type personKey struct{}

// person is who asks, as far as a guard found out; its zero value is nobody.
func person(ctx context.Context) Person {
	p, _ := ctx.Value(personKey{}).(Person)
	return p
}

// page is one page to show.
type page struct {
	// Template is its file in console/pages/templates.
	Template string
	Title    string
	// Section is the entry of the navigation that it belongs to.
	Section string
	Status  int
	Body    any
}

// show writes a page, or the part of it that htmx asked for.
func (c *Console) show(w http.ResponseWriter, r *http.Request, p page) error {
	var frame pages.Frame
	if !guard.IsStranger(r.Context()) {
		frame = c.frame(r.Context())
	}
	return c.pages.Write(harmless(w), pages.Page{
		Template: p.Template, Title: p.Title, Section: p.Section, Status: p.Status, Body: p.Body,
		Person: person(r.Context()).Name, Frame: frame, Part: r.Header.Get("HX-Request") == "true",
		CSRF: guard.CSRF(r.Context()),
	})
}

// failed shows what failed, and what to do.
func (c *Console) failed(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	var known *statusError
	var refusal *guard.Refusal
	switch {
	case errors.As(err, &known):
		status = known.status
	case errors.As(err, &refusal):
		status = refusal.Status
	}
	shown := c.show(w, r, page{Template: "error.html", Title: "That did not work", Status: status,
		Body: map[string]string{"Problem": err.Error(), "Hint": fault.Hint(err)}})
	if shown != nil {
		http.Error(w, http.StatusText(status), status)
	}
}

// statusError is an error with a status of HTTP.
type statusError struct {
	status int
	error
}

func (e *statusError) Unwrap() error { return e.error }

func notFound(hint, format string, args ...any) error {
	return &statusError{http.StatusNotFound, fault.New(hint, format, args...)}
}
