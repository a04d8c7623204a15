// Package auditlog reads the audit log for the command line: from the key
// service, or from a file that was exported before. Either way nothing is handed
// on that the log's key does not bear out.
package auditlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Filter chooses entries; empty fields choose all.
type Filter struct {
	Cluster, Person, Kind, Outcome, Digest, Object string
	// Since is the first moment, Until the first one after the last.
	Since, Until time.Time
}

// Match says whether the filter chooses an entry.
func (f Filter) Match(e audit.Entry) bool {
	for _, field := range [][2]string{
		{f.Cluster, e.Cluster}, {f.Person, e.Person}, {f.Kind, string(e.Kind)},
		{f.Outcome, e.Outcome}, {f.Digest, e.Digest},
	} {
		if field[0] != "" && field[0] != field[1] {
			return false
		}
	}
	if f.Object != "" && !e.Names(f.Object) {
		return false
	}
	return (f.Since.IsZero() || !e.Time.Before(f.Since)) && (f.Until.IsZero() || e.Time.Before(f.Until))
}

// Source gives entries in order of their index.
type Source interface {
	Read(ctx context.Context, f Filter, each func(client.AuditEntry) error) error
}

// Admin is what is needed of the key service; *[client.Admin] is one.
type Admin interface {
	ReadAudit(ctx context.Context, log *client.Log, in *keyservicev1.ListAuditRequest) (*client.AuditPage, error)
}

// Service reads from the key service.
type Service struct {
	Admin Admin
	Log   *client.Log
	// Progress shows how far reading is.
	Progress func(format string, args ...any)
}

// Of reads with admin the log of a fleet under its key, and remembers what was seen
// beside the pinned keys.
func Of(admin Admin, fleet, key string, warn func(string, ...any)) (*Service, error) {
	store, err := trust.Open()
	if err != nil {
		return nil, err
	}
	memory := NewMemory(filepath.Dir(store.Path()), fleet, warn)
	return &Service{
		Admin: admin, Log: client.NewLog(func() string { return key }, memory), Progress: func(string, ...any) {},
	}, nil
}

// Read implements [Source].
func (s *Service) Read(ctx context.Context, f Filter, each func(client.AuditEntry) error) error {
	defer s.Progress("")
	request := &keyservicev1.ListAuditRequest{
		Cluster: f.Cluster, Person: f.Person, Kind: f.Kind, Outcome: f.Outcome, Digest: f.Digest, Object: f.Object,
		Since: micro(f.Since), Until: micro(f.Until),
	}
	for {
		page, err := s.Admin.ReadAudit(ctx, s.Log, request)
		if err != nil {
			return Refused(err)
		}
		for _, e := range page.Entries {
			if err := each(e); err != nil {
				return err
			}
		}
		if page.Next == 0 {
			return nil
		}
		s.Progress("read up to entry %d of %d", page.Next, page.Checkpoint.Size)
		request.From = uint64(page.Next)
	}
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Refused gives an error of the key service or of its log a hint.
func Refused(err error) error {
	if errors.As(err, new(*client.LogError)) {
		return fault.NewTrust(
			"the log was rewritten, or an old copy of it was put in its place; keep your export, tell the security team, and "+
				"read "+manual.At+"operations/audit-log-mismatch.md",
			"%w", err)
	}
	var memory *client.MemoryError
	if errors.As(err, &memory) {
		return fault.NewTrust(
			"whoever damaged it may have rewritten the log: hold an older export against the service's log, then move "+
				memory.Where+" away to believe the log as it is shown now; "+manual.At+"operations/audit-log-mismatch.md",
			"%w", err)
	}
	return login.Refused(err)
}

// File reads an export. The whole file is verified first.
type File struct {
	Path     string
	Verifier note.Verifier
	// Last is when the last entry that was read was made; zero before any was.
	Last time.Time
}

// Read implements [Source].
func (f *File) Read(ctx context.Context, filter Filter, each func(client.AuditEntry) error) error {
	verified, err := Verify(f.Path, f.Verifier, nil)
	if err != nil {
		return err
	}
	if len(verified.Findings) > 0 {
		return &fault.Error{Code: fault.Findings, Hint: "bulla audit verify " + f.Path,
			Err: fmt.Errorf("%s is not the audit log: %s", f.Path, verified.Findings[0])}
	}
	_, err = Verify(f.Path, f.Verifier, func(index int64, e audit.Entry) error {
		f.Last = e.Time
		if err := ctx.Err(); err != nil || !filter.Match(e) {
			return err
		}
		return each(client.AuditEntry{Index: index, Leaf: e.Marshal(), Entry: e})
	})
	return err
}

// Verify verifies an export; each, unless nil, is called for every entry until it
// fails.
func Verify(path string, verifier note.Verifier, each func(index int64, e audit.Entry) error) (*audit.Verified, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.New(files.Hint(err, "`bulla audit log --export FILE` writes an export"), "read export: %w", err)
	}
	defer file.Close()
	var failed error
	verified, err := audit.VerifyExport(file, verifier.Name(), verifier, func(index int64, e audit.Entry) {
		if each != nil && failed == nil {
			failed = each(index, e)
		}
	})
	return verified, errors.Join(err, failed)
}
