package logbook

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const (
	// perPage is how many entries a page shows.
	perPage = 50
	// mostRead is how many entries are read, and their proofs checked, for one page.
	mostRead = 20_000
	// mostAsked bounds the questions for one page.
	mostAsked = 16
	// perAnswer is how many entries the key service gives at most.
	perAnswer = 1000
)

// Entries are a part of the log, the newest first.
type Entries struct {
	Entries []client.AuditEntry
	// Size is how many entries the log has.
	Size int64
	// Older is where to read on, as a bound for [Log.Entries]; 0 at the beginning of the
	// log. NotFar: the page ends there since enough was read, not since it is full.
	Older  int64
	NotFar bool
}

// Entries are the newest entries before an index that a filter chooses; before is 0 for
// the end of the log.
func (l *Log) Entries(ctx context.Context, f auditlog.Filter, before int64) (*Entries, error) {
	end, err := l.page(ctx, &keyservicev1.ListAuditRequest{From: 1 << 62, Limit: 1})
	if err != nil {
		return nil, err
	}
	out := &Entries{Size: end.Checkpoint.Size}
	if before <= 0 || before > out.Size {
		before = out.Size
	}
	// The service reads forwards. A window that has too little is followed by a wider one
	// before it.
	width, read, asked := int64(perPage), 0, 0
	if f != (auditlog.Filter{}) {
		width = perAnswer
	}
	for before > 0 && len(out.Entries) < perPage {
		if read >= mostRead || asked >= mostAsked {
			out.NotFar = true
			break
		}
		from := max(0, before-width)
		found, n, err := l.window(ctx, f, from, before)
		if err != nil {
			return nil, err
		}
		read, asked = read+len(found), asked+n
		slices.Reverse(found)
		out.Entries = append(out.Entries, found...)
		before, width = from, width*4
	}
	out.Older = before
	if len(out.Entries) > perPage {
		out.Entries = out.Entries[:perPage]
		out.Older = out.Entries[perPage-1].Index
	}
	return out, nil
}

// window reads the entries of [from, to) that a filter chooses.
func (l *Log) window(ctx context.Context, f auditlog.Filter, from, to int64) (
	found []client.AuditEntry, asked int, err error,
) {
	in := request(f)
	for in.From, in.Limit = uint64(from), uint32(min(perAnswer, to-from)); ; asked++ {
		page, err := l.page(ctx, in)
		if err != nil {
			return nil, asked, err
		}
		for _, e := range page.Entries {
			if e.Index >= to {
				return found, asked + 1, nil
			}
			found = append(found, e)
		}
		if page.Next == 0 || page.Next >= to || len(found) >= mostRead {
			return found, asked + 1, nil
		}
		in.From = uint64(page.Next)
	}
}

func request(f auditlog.Filter) *keyservicev1.ListAuditRequest {
	micro := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.UnixMicro()
	}
	return &keyservicev1.ListAuditRequest{Cluster: f.Cluster, Person: f.Person, Kind: f.Kind, Outcome: f.Outcome,
		Digest: f.Digest, Object: f.Object, Since: micro(f.Since), Until: micro(f.Until)}
}

// Line is an entry as a page shows it.
type Line struct {
	Index int64
	Time  time.Time
	// Who is a person, or a cluster where Cluster says so; "" for the service itself.
	Who     string
	Cluster bool
	Kind    string
	Outcome string
	Objects []string
	Digest  string
	Head    string
	Detail  string
	// More counts how often the same came again after the first, which has its own entry.
	More int
}

// LineOf makes one of an entry.
func LineOf(e client.AuditEntry) Line {
	line := Line{Index: e.Index, Time: e.Entry.Time, Kind: string(e.Entry.Kind), Outcome: e.Entry.Outcome,
		Who: e.Entry.Person, Digest: e.Entry.Digest, Head: e.Entry.Head, Detail: e.Entry.Detail, More: e.Entry.Count}
	if line.Who == "" && e.Entry.Cluster != "" {
		line.Who, line.Cluster = e.Entry.Cluster, true
	}
	for _, built := range e.Entry.Built() {
		line.Objects = append(line.Objects, strings.TrimPrefix(built.Object, "/"))
	}
	return line
}

// Tone is the state that an outcome is shown as.
func (l Line) Tone() string {
	switch l.Outcome {
	case "Granted", "Done":
		return "Done"
	}
	return "Refused"
}
