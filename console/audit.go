package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/console/pages"
	"github.com/bulla-dev/bulla/desk/auditlog"
)

// auditBody is the audit log.
type auditBody struct {
	Filter url.Values
	Kinds  []string
	// Broken: the log does not hold. Nothing else is shown then.
	Broken  *notice
	Notices []notice
	Lines   []logbook.Line
	Size    int64
	NotFar  bool
	Older   string
	Newest  string
	Chart   *pages.Chart
}

func (c *Console) auditLog(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	s, err := c.clone.Snapshot(ctx)
	if err != nil {
		return err
	}
	body := &auditBody{Filter: r.URL.Query(), Kinds: auditlog.Kinds()}
	shown := page{Template: "audit.html", Title: "Audit log", Section: "audit", Body: body}
	filter, err := auditFilter(body.Filter, time.Now())
	if err != nil {
		return &statusError{http.StatusBadRequest, err}
	}
	log, err := c.log(ctx, s.Model.Fleet)
	if err != nil {
		body.Notices = append(body.Notices, *troubleOf("The audit log is not shown", err))
		return c.show(w, r, shown)
	}
	before, _ := strconv.ParseInt(body.Filter.Get("before"), 10, 64)
	entries, err := log.Entries(ctx, filter, before)
	if err == nil {
		err = body.fill(ctx, log, entries, filter == auditlog.Filter{} && before == 0)
	}
	switch {
	case logbook.Broken(err):
		*body = auditBody{Broken: troubleOf("The audit log does not hold", err)}
	case err != nil:
		body.Notices = append(body.Notices, *troubleOf("The audit log is not shown", err))
	}
	return c.show(w, r, shown)
}

func (b *auditBody) fill(ctx context.Context, log *logbook.Log, e *logbook.Entries, front bool) error {
	b.Size, b.NotFar = e.Size, e.NotFar
	for _, entry := range e.Entries {
		b.Lines = append(b.Lines, logbook.LineOf(entry))
	}
	at := func(before int64) string {
		next := url.Values{}
		for k, v := range b.Filter {
			next[k] = v
		}
		if next.Del("before"); before > 0 {
			next.Set("before", strconv.FormatInt(before, 10))
		}
		return "/audit?" + next.Encode()
	}
	if e.Older > 0 {
		b.Older = at(e.Older)
	}
	if b.Filter.Get("before") != "" {
		b.Newest = at(0)
	}
	if !front {
		return nil
	}
	unseals, err := log.Unseals(ctx, time.Now())
	if err != nil {
		return err
	}
	if b.Chart = chartOf(unseals); b.Chart == nil {
		b.Notices = append(b.Notices, notice{Tone: "warn",
			What: "There were more unseals in half an hour than are counted for a page",
			Do:   "bulla audit log --kind Unseal --export FILE writes all of them"})
	}
	return nil
}

// chartOf draws all unseals; nil for none that were counted.
func chartOf(u *logbook.Unseals) *pages.Chart {
	if u == nil {
		return nil
	}
	return u.Chart("Unseals per "+u.Every(), u.All)
}

// auditFilter reads a form. What no entry can match is refused: an empty answer would be
// taken for nothing having happened.
func auditFilter(form url.Values, now time.Time) (auditlog.Filter, error) {
	text := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	f := auditlog.Filter{Cluster: text("cluster"), Person: text("person"), Kind: text("kind"), Outcome: text("outcome"),
		Object: text("object"), Digest: text("digest")}
	for name, one := range map[string]struct {
		is    string
		known []string
	}{"kind": {f.Kind, auditlog.Kinds()}, "outcome": {f.Outcome, auditlog.Outcomes()}} {
		if one.is != "" && !slices.Contains(one.known, one.is) {
			return f, fault.New(didYouMean(one.is, one.known)+"choose one of "+strings.Join(one.known, ", "),
				"%q is no %s of the audit log", one.is, name)
		}
	}
	if namespace, name, ok := strings.Cut(f.Object, "/"); f.Object != "" && (!ok || namespace == "" || name == "") {
		return f, fault.New("write namespace/name as clusters have it", "%q is not namespace/name", f.Object)
	}
	if text("days") != "" {
		days, err := strconv.Atoi(text("days"))
		if err != nil || days < 1 || days > 36500 {
			return f, fault.New("write a number of days, from 1 on", "%q is no number of days", text("days"))
		}
		f.Since = now.Add(-time.Duration(days) * 24 * time.Hour)
	}
	return f, nil
}
