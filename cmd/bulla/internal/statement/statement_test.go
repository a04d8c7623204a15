package statement_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/statement"
	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
)

var fleet = strings.Repeat("0a", 16)

// life is a log of one secret from its grant to its end, a minute an entry.
func life(t *testing.T) *auditlog.Log {
	l := auditlog.New(t, fleet)
	for i, e := range []audit.Entry{
		{Kind: audit.Unseal, Outcome: "Granted", Cluster: "eu", Placement: "shop", Object: "shop/db", Head: "one"},
		{Kind: audit.Report, Outcome: audit.Done, Cluster: "eu", Placement: "shop", Object: "shop/db", Head: "one",
			Detail: audit.ReportDetail(1, "InUse")},
		{Kind: audit.Head, Outcome: audit.Done, Head: "two"},
		{Kind: audit.Report, Outcome: audit.Done, Cluster: "eu", Placement: "shop", Object: "shop/db", Head: "two",
			Detail: audit.ReportDetail(1, "Deprovisioned")},
	} {
		e.Fleet, e.Time = fleet, time.Unix(int64(60*i), 0).UTC()
		l.Record(e)
	}
	return l
}

// page is what a key service gives of the first size entries, from one on.
func page(l *auditlog.Log, before, from, size int64) *client.AuditPage {
	p := &client.AuditPage{
		Signed: l.Signed(size), Checkpoint: l.At(size), Before: before, Consistency: l.Consistency(before, size),
	}
	for i := from; i < size; i++ {
		e, _ := audit.ParseEntry(l.Leaf(i))
		p.Entries = append(p.Entries, client.AuditEntry{Index: i, Leaf: l.Leaf(i), Entry: e, Proof: l.Inclusion(size, i)})
	}
	return p
}

// stated is a statement that was read in two parts.
func stated(t *testing.T, l *auditlog.Log) *statement.Statement {
	t.Helper()
	s := statement.New(fleet, "eu", "shop/db", "")
	for _, p := range []*client.AuditPage{page(l, 0, 0, 2), page(l, 2, 2, 4)} {
		if err := s.Add(p, s.About); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestAStatementIsReadBackAsItWasMade(t *testing.T) {
	l := life(t)
	text, err := stated(t, l).Marshal()
	if err != nil || !statement.Is(text) || statement.Is([]byte(`{"entry":{`)) {
		t.Fatalf("%.40s, %v", text, err)
	}
	var laidOut bytes.Buffer // as jq would
	if err := json.Indent(&laidOut, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{text, laidOut.Bytes()} {
		s, err := statement.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		entries, last, err := s.Verify(l.Verifier())
		if err != nil || last.Size != 4 {
			t.Fatalf("%d, %v", last.Size, err)
		}
		for i, step := range s.Steps(entries) {
			if !step.Shown || step.Index != int64(i) {
				t.Errorf("%+v", step)
			}
		}
	}
}

func TestAStatementShowsNothingThatTheLogDoesNotBearOut(t *testing.T) {
	for name, change := range map[string]func(*statement.Statement, *auditlog.Log){
		"an edited entry": func(s *statement.Statement, _ *auditlog.Log) {
			s.Parts[0].Entries[1].Entry = bytes.Replace(s.Parts[0].Entries[1].Entry, []byte("InUse"), []byte("Deprovisioned"), 1)
		},
		"another index":   func(s *statement.Statement, _ *auditlog.Log) { s.Parts[1].Entries[1].Index-- },
		"no proof":        func(s *statement.Statement, _ *auditlog.Log) { s.Parts[1].Entries[0].Proof = nil },
		"no consistency":  func(s *statement.Statement, _ *auditlog.Log) { s.Parts[1].Consistency = nil },
		"no checkpoint":   func(s *statement.Statement, _ *auditlog.Log) { s.Parts[1].Checkpoint = "" },
		"parts in a turn": func(s *statement.Statement, _ *auditlog.Log) { s.Parts[0], s.Parts[1] = s.Parts[1], s.Parts[0] },
		"nothing":         func(s *statement.Statement, _ *auditlog.Log) { s.Parts = nil },
		"another fleet":   func(s *statement.Statement, _ *auditlog.Log) { s.Fleet = strings.Repeat("0b", 16) },
		"a fork": func(s *statement.Statement, l *auditlog.Log) {
			fork := l.Fork(1)
			fork.Append(l.Leaf(0), l.Leaf(2), l.Leaf(3))
			s.Parts[1] = statement.Part{Checkpoint: string(fork.Signed(4)), Consistency: fork.Consistency(2, 4)}
		},
	} {
		l := life(t)
		s := stated(t, l)
		change(s, l)
		if _, _, err := s.Verify(l.Verifier()); !errors.Is(err, statement.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := stated(t, life(t)).Verify(life(t).Verifier()); !errors.Is(err, statement.ErrStatement) {
		t.Errorf("under another key: %v", err)
	}
}

func TestAMissingStepIsToldAndNotClaimed(t *testing.T) {
	later := audit.Entry{Fleet: fleet, Time: time.Unix(600, 0).UTC(), Cluster: "eu", Placement: "shop", Object: "shop/db"}
	again, lost := later, later
	again.Kind, again.Outcome = audit.Unseal, "Granted"
	lost.Kind, lost.Outcome, lost.Detail = audit.Report, audit.Done, audit.ReportDetail(1, "Unknown")
	for name, test := range map[string]struct {
		size int64
		more []audit.Entry
		want string
	}{
		"granted alone":  {size: 1, want: "Granted"},
		"not gone":       {size: 3, want: "Granted Delivered"},
		"granted again":  {size: 4, more: []audit.Entry{again}, want: "Granted Delivered"},
		"nobody knows":   {size: 4, more: []audit.Entry{lost}, want: "Granted Delivered"},
		"all four of it": {size: 4, want: "Granted Delivered Removed ReportedAbsent"},
	} {
		l := life(t).Fork(test.size)
		l.Record(test.more...)
		s := statement.New(fleet, "eu", "", "shop")
		if err := s.Add(page(l, 0, 0, l.Size()), s.About); err != nil {
			t.Fatal(err)
		}
		entries, _, err := s.Verify(l.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		for _, step := range s.Steps(entries) {
			if step.Shown {
				shown = append(shown, step.Step)
			}
		}
		if got := strings.Join(shown, " "); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWhatIsNoStatementIsRefused(t *testing.T) {
	for _, text := range []string{"", "{}", `{"statement":"bulla.dev/deprovision/v1"}`,
		`{"statement":"bulla.dev/deprovision/v1","cluster":"eu","object":"a/b","placement":"a"}`,
		`{"statement":"bulla.dev/deprovision/v1","cluster":"eu","object":"a/b","claims":"all is well"}`,
		`{"statement":"bulla.dev/deprovision/v1","cluster":"eu","object":"a/b"} {}`} {
		if _, err := statement.Read([]byte(text)); err == nil {
			t.Errorf("%s is one", text)
		}
	}
}
