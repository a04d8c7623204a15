package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// whoBody answers who could read an object.
type whoBody struct {
	Object string
	// Known are the objects of the commit, to choose from.
	Known    []string
	Broken   *notice
	Notices  []notice
	Building *clone.Progress
	Asked    bool
	Readings []exposure.Reading
	Pager    *pager
	// Placed may open it now, and did not ask for the version that is placed.
	Placed   []foldedPlaced
	Recovery int
}

// foldedPlaced are clusters that a placement puts an object on.
type foldedPlaced struct {
	Placement string
	Clusters  []string
}

// mostKnown bounds what a field suggests.
const mostKnown = 500

func (c *Console) whoCouldRead(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	s, err := c.clone.Snapshot(ctx)
	if err != nil {
		return err
	}
	body := &whoBody{Object: strings.TrimSpace(r.URL.Query().Get("object"))}
	shown := page{Template: "who.html", Title: "Who could read this", Section: "who", Body: body}
	namespace, name, ok := strings.Cut(body.Object, "/")
	if body.Object != "" && (!ok || namespace == "" || name == "" || strings.Contains(name, "/")) {
		return &statusError{http.StatusBadRequest, fault.New("write it as clusters have it, with what an overlay adds",
			"%q is not namespace/name", body.Object)}
	}
	log, err := c.log(ctx, s.Model.Fleet)
	if err != nil {
		body.Notices = append(body.Notices, *troubleOf("Nothing says who opened it", err))
		return c.show(w, r, shown)
	}
	i, building, err := index(ctx, s)
	if err != nil {
		return err
	}
	if body.Building = building; i == nil {
		return c.show(w, r, shown)
	}
	files, _ := c.stubs.Of(s.Commit, s.Tree)
	body.Known = exposure.Objects(i.Uses, exposed(files))
	if body.Object != "" {
		switch err := body.ask(ctx, log, s, i, exposed(files)); {
		case logbook.Broken(err):
			*body = whoBody{Broken: troubleOf("The audit log does not hold", err)}
		case err != nil:
			return err
		}
	}
	body.Readings, body.Pager = paged(body.Readings, r.URL.Query(), "/who", "reading")
	body.Known = body.Known[:min(len(body.Known), mostKnown)]
	return c.show(w, r, shown)
}

func exposed(files []model.StubFile) []exposure.Stub {
	stubs := make([]exposure.Stub, len(files))
	for i, f := range files {
		stubs[i] = exposure.Stub{Stub: f.Stub}
	}
	return stubs
}

func (b *whoBody) ask(
	ctx context.Context, log *logbook.Log, s *clone.Snapshot, i *built.Index, stubs []exposure.Stub,
) error {
	objects := []string{b.Object}
	entries, err := exposure.Grants(ctx, log.Source(), "", "", objects)
	if err == nil && len(entries) == 0 && !slices.Contains(b.Known, b.Object) {
		// Without this a slip of the pen reads as "nobody opened it".
		var named bool
		if named, err = exposure.Named(ctx, log.Source(), auditlog.Filter{Object: b.Object}); err == nil && !named {
			return notFound(didYouMean(b.Object, b.Known)+"write namespace/name as clusters have it",
				"no entry of the audit log and no placement or stub names an object %q", b.Object)
		}
	}
	if logbook.Broken(err) {
		return err
	}
	if err != nil {
		b.Notices = append(b.Notices, *troubleOf("Nothing says who opened it", err))
		return nil
	}
	b.Asked, b.Recovery = true, len(s.Model.Fleet.Spec.RecoveryRecipients)
	b.Readings = exposure.About(exposure.Readings(entries), objects, "")
	for n := range b.Readings {
		reading := &b.Readings[n]
		reading.Current = slices.ContainsFunc(stubs, func(s exposure.Stub) bool { return s.Digest == reading.Digest })
	}
	for _, p := range exposure.Unread(s.Model, i.Uses, objects, b.Readings, "") {
		at := slices.IndexFunc(b.Placed, func(f foldedPlaced) bool { return f.Placement == p.Placement })
		if at < 0 {
			at = len(b.Placed)
			b.Placed = append(b.Placed, foldedPlaced{Placement: p.Placement})
		}
		b.Placed[at].Clusters = append(b.Placed[at].Clusters, p.Cluster)
	}
	slices.Reverse(b.Readings)
	return nil
}
