package auditlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const fleet = "00112233445566778899aabbccddeeff"

// pages gives a log three entries at a time, and fails after a number of pages.
type pages struct {
	log  *auditlog.Log
	left int
}

func (p *pages) ReadAudit(
	_ context.Context, _ *client.Log, in *keyservicev1.ListAuditRequest,
) (*client.AuditPage, error) {
	if p.left--; p.left < 0 {
		return nil, &client.UnavailableError{Err: errors.New("cut off")}
	}
	size := p.log.Size()
	out := &client.AuditPage{Checkpoint: p.log.At(size), Signed: p.log.Signed(size)}
	for i := int64(in.GetFrom()); i < size; i++ {
		if len(out.Entries) == 3 {
			out.Next = i
			break
		}
		out.Entries = append(out.Entries, client.AuditEntry{Index: i, Leaf: p.log.Leaf(i)})
	}
	return out, nil
}

func newPages(t *testing.T, n int) *pages {
	p := &pages{log: auditlog.New(t, fleet), left: 1000}
	for i := range n {
		p.log.Record(audit.Entry{
			Time: time.Unix(int64(i), 0), Kind: audit.Unseal, Outcome: "Granted", Fleet: fleet,
			Detail: strings.Repeat("x", i*10),
		})
	}
	return p
}

func (p *pages) export(t *testing.T, path string) (*Exported, error) {
	t.Helper()
	return (&Service{Admin: p, Progress: func(string, ...any) {}}).Export(t.Context(), path, p.log.Verifier())
}

func (p *pages) check(t *testing.T, path string, entries int) {
	t.Helper()
	v, err := Verify(path, p.log.Verifier(), nil)
	if err != nil || len(v.Findings) > 0 || len(v.Leaves) != entries {
		t.Errorf("%d entries, findings %v, %v; want %d and none", len(v.Leaves), v.Findings, err, entries)
	}
}

// Wherever the file ends, the next export goes on there, and the file is as if
// it had been written at once.
func TestAnExportGoesOnWhereverItWasCutOff(t *testing.T) {
	p := newPages(t, 8)
	path := filepath.Join(t.TempDir(), "log.jsonl")
	if _, err := p.export(t, path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole {
		p.left = 1000
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.export(t, path); err != nil {
			t.Fatalf("cut off after %d bytes: %v", cut, err)
		}
		now, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// A checkpoint is signed anew; what is before it is the same.
		entries := strings.LastIndex(string(whole), `{"checkpoint"`)
		if len(now) < entries || string(now[:entries]) != string(whole[:entries]) {
			t.Fatalf("cut off after %d bytes: other entries", cut)
		}
		p.check(t, path, 8)
	}
}

func TestAnExportThatTheServiceCutsOffGoesOn(t *testing.T) {
	p := newPages(t, 8)
	path := filepath.Join(t.TempDir(), "log.jsonl")
	p.left = 2
	if _, err := p.export(t, path); !errors.Is(err, client.ErrUnavailable) {
		t.Fatalf("error %v, want ErrUnavailable", err)
	}
	if v, err := Verify(path, p.log.Verifier(), nil); err != nil || len(v.Leaves) != 6 || len(v.Findings) != 1 {
		t.Errorf("%d entries, findings %v, %v; want 6 and that no checkpoint follows", len(v.Leaves), v.Findings, err)
	}
	p.left = 1000
	out, err := p.export(t, path)
	if err != nil || out.Had != 6 || out.Size != 8 {
		t.Errorf("%+v, %v; want 6 and then 8", out, err)
	}
	p.check(t, path, 8)
}

func TestWhatIsNoExportIsLeftAlone(t *testing.T) {
	p := newPages(t, 8)
	other := newPages(t, 3)
	for name, text := range map[string]string{
		"a text":                        "hello",
		"a text of lines":               "hello\nworld\n",
		"lines and the start of one":    "hello\n{\"entry\":{",
		"an entry that is not the next": string(audit.AppendEntry(nil, 1, p.log.Leaf(0))),
		"a checkpoint without entries":  string(audit.AppendCheckpoint(nil, p.log.Signed(8))),
		"another log's":                 string(audit.AppendCheckpoint(nil, other.log.Signed(0))),
		"a long text":                   strings.Repeat("a", 200_000),
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.export(t, path); err == nil {
			t.Errorf("%s: was gone on with", name)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("%s: was changed, %v", name, err)
		}
	}
}

func TestALogThatCannotBeRememberedIsRememberedMeanwhile(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "bulla"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	warnings := 0
	m := NewMemory(filepath.Join(folder, "bulla"), fleet, func(string, ...any) { warnings++ })
	m.Path = filepath.Join(folder, "bulla", "x") // below a file
	for i := range 3 {
		text := fmt.Sprint(i)
		if err := m.Remember(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := m.Last(t.Context()); err != nil || string(got) != text {
			t.Errorf("remembers %q, %v", got, err)
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings, want one", warnings)
	}
	again := NewMemory(folder, fleet, nil)
	if err := again.Remember(t.Context(), []byte("state")); err != nil {
		t.Fatal(err)
	}
	if got, err := NewMemory(folder, fleet, nil).Last(t.Context()); err != nil || string(got) != "state" {
		t.Errorf("the next run remembers %q, %v", got, err)
	}
}
