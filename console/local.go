package console

import (
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/guard"
)

// Local is a console on loopback for one person, who has a link that lets them in once.
type Local struct {
	http.Handler
	// Link is good once, for [guard.TicketLife].
	Link string
	// Sessions are of the browser that opened the link.
	Sessions *guard.Sessions

	console *Console
	origins []string
	ticket  *guard.Ticket
}

// localLife ends what somebody left open.
const localLife = 24 * time.Hour

// Local puts the guards of a console on loopback, at a port, before its pages.
func (c *Console) Local(port int, log *slog.Logger) *Local {
	at := ":" + strconv.Itoa(port)
	l := &Local{console: c, origins: []string{"http://127.0.0.1" + at, "http://localhost" + at},
		Sessions: &guard.Sessions{Idle: localLife, Life: localLife}}
	ticket, token := guard.NewTicket(time.Now())
	l.ticket, l.Link = ticket, l.origins[0]+"/begin?token="+url.QueryEscape(token)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /begin", l.begin)
	mux.Handle("/", c.Handler())
	g := &guard.Guard{Origins: l.origins, Sessions: l.Sessions, Doors: []string{"/begin", "/static/"},
		Stranger: l.stranger, Refuse: c.failed, Log: log}
	l.Handler = g.Handler(mux)
	return l
}

// begin lets somebody in. It answers with a page that leads on, and no redirect: of a
// link that was followed from another site, browsers follow a redirect without a cookie
// that is SameSite=Strict.
func (l *Local) begin(w http.ResponseWriter, r *http.Request) {
	if guard.Of(r.Context()) == nil {
		// What looks ahead for a person is not them, and would spend the link.
		if r.Method != http.MethodGet || r.Header.Get("Sec-Purpose") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if err := l.ticket.Take(r.URL.Query().Get("token"), time.Now()); err != nil {
			l.console.failed(w, r, err)
			return
		}
		l.Sessions.Begin(w, r, l.origins, nil)
	}
	w.Header().Set("Refresh", "0; url=/")
	if err := l.console.show(w, r, page{Template: "begin.html", Title: "You are in"}); err != nil {
		l.console.failed(w, r, err)
	}
}

func (l *Local) stranger(w http.ResponseWriter, r *http.Request, err error) {
	l.console.failed(w, r, fault.WithHint(err, "open the link that `bulla ui` printed, in this browser; if that was "+
		"used, end `bulla ui` (Ctrl-C) and start it again"))
}
