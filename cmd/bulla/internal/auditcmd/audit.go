package auditcmd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/sealing"
)

const auditLong = `Read and verify the key service's audit log.

Every decision of the key service, and everything that a person does there, is an
entry of a log that only grows: a Merkle tree, signed by a key in the HSM that
fleet.yaml names. These commands take the service's word for nothing: they show
no entry that is not proven to be in the signed log, and remember what they saw,
so that a log that is rewritten later is noticed.

The log key is read from fleet.yaml, verified under the pinned root key, or given
with --log-key. Reading from the service needs "bulla login" and the role auditor
or operator; with --file an export is read, offline.`

func newAudit(a run) *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Read and verify the audit log", Long: auditLong, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAuditLog(a), newAuditVerify(a), newAuditWho(a), newAuditStatement(a))
	return cmd
}

// logFlags say where the log comes from.
type logFlags struct{ file, logKey, fleet string }

// Log is where a command of another room has the log from: an export, or the key service.
type Log struct{ flags logFlags }

// Flag adds --from, the export: --file of those commands is something else.
func (l *Log) Flag(cmd *cobra.Command, name string) {
	cmd.Flags().StringVar(&l.flags.file, name, "", "read this `export` of the audit log instead of asking the key service")
}

// Open opens the log of the fleet whose repository the shell is in. The caller calls
// done at the end.
func (l Log) Open(s *shell.Shell) (source auditlog.Source, done func(), err error) {
	return run{s}.source(l.flags)
}

func (f *logFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "file", "", "read this `export` of the log instead of asking the key service")
	cmd.Flags().StringVar(&f.fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	addLogKey(cmd, &f.logKey)
	cmd.MarkFlagsMutuallyExclusive("file", "fleet-id")
}

func addLogKey(cmd *cobra.Command, key *string) {
	cmd.Flags().StringVar(key, "log-key", "", "the log's verifier `key`, when you are not in the fleet's repository")
}

// logKey is the key that the log is held to, as a text and read: the flag's, or
// fleet.yaml's.
func (a run) logKey(flag string) (string, note.Verifier, error) {
	if flag != "" {
		verifier, err := sealing.NewVerifier(flag)
		if err == nil && !strings.HasPrefix(verifier.Name(), audit.Origin("")) {
			err = fmt.Errorf("its name is not %sFLEET", audit.Origin(""))
		}
		if err != nil {
			return "", nil, fault.NewUsage("it stands in fleet.yaml under spec.logKey",
				"--log-key is not a log's verifier key: %w", err)
		}
		return flag, verifier, nil
	}
	repo, err := a.OpenVerified()
	if err != nil {
		return "", nil, err
	}
	spec := &repo.Model.Fleet.Spec
	verifier, err := audit.FleetVerifier(spec)
	if err != nil {
		return "", nil, fault.NewTrust("give --log-key, or have an operator add it: "+manual.At+"operations/keys.md",
			"%w", err)
	}
	return spec.LogKey, verifier, nil
}

// source opens the log: a file, or the key service.
func (a run) source(f logFlags) (auditlog.Source, func(), error) {
	key, verifier, err := a.logKey(f.logKey)
	if err != nil {
		return nil, nil, err
	}
	if f.file != "" {
		return &auditlog.File{Path: f.file, Verifier: verifier}, func() {}, nil
	}
	return a.logService(f, key, verifier)
}

func (a run) logService(f logFlags, key string, verifier note.Verifier) (*auditlog.Service, func(), error) {
	fleet := strings.TrimPrefix(verifier.Name(), audit.Origin(""))
	if f.fleet != "" && f.fleet != fleet {
		return nil, nil, fault.NewUsage("the id is the end of the log key's name",
			"--fleet-id is not that of the log key, %s", fleet)
	}
	admin, err := a.Admin(fleet)
	if err != nil {
		return nil, nil, err
	}
	service, err := auditlog.Of(admin, fleet, key, a.Warnf)
	if err != nil {
		return nil, nil, err
	}
	service.Progress = a.Progress()
	return service, admin.Close, nil
}

// moment reads a time as people write it: RFC 3339, a date, or a time ago.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, fault.NewUsage("write 2026-11-22, 2026-11-22T08:00:00Z, or 36h for that long ago",
			"--%s %q is no time", flag, text)
	}
	return now.Add(-ago), nil
}

// auditRow is one entry as it is printed.
type auditRow struct {
	Index int64           `json:"index"`
	Entry json.RawMessage `json:"entry"`
}

// auditLines prints entries.
func (a run) auditLines(format render.Format, entries []client.AuditEntry) error {
	rows := make([]auditRow, len(entries))
	table := render.Table{Header: []string{"INDEX", "TIME", "WHO", "KIND", "OUTCOME", "WHAT", "HEAD", "DETAIL"}}
	for i, e := range entries {
		rows[i] = auditRow{Index: e.Index, Entry: e.Leaf}
		table.Rows = append(table.Rows, []string{
			fmt.Sprint(e.Index), e.Entry.Time.Format("2006-01-02T15:04:05Z"), who(e.Entry), string(e.Entry.Kind),
			e.Entry.Outcome,
			what(e.Entry), shell.Short(e.Entry.Head), detail(e.Entry),
		})
	}
	return format.Print(a.Stdout, rows, table)
}

func who(e audit.Entry) string {
	if e.Person != "" {
		return e.Person
	}
	return e.Cluster
}

func what(e audit.Entry) string {
	var objects []string
	for _, built := range e.Built() {
		objects = append(objects, built.Object)
	}
	named := strings.Join(objects, ",")
	switch {
	case named != "" && e.Digest != "":
		return named + "@" + shell.Short(strings.TrimPrefix(e.Digest, "sha256:"))
	case e.Digest != "":
		return shell.Short(strings.TrimPrefix(e.Digest, "sha256:"))
	}
	return named
}

func detail(e audit.Entry) string {
	if e.Count > 0 {
		return strings.TrimSpace(fmt.Sprintf("%s (and %d more)", e.Detail, e.Count))
	}
	return e.Detail
}

// newest collects the last entries that a filter chooses.
func newest(
	ctx context.Context, source auditlog.Source, filter auditlog.Filter, limit int,
) (entries []client.AuditEntry, left int, err error) {
	if limit < 1 {
		return nil, 0, fault.NewUsage("give --limit a number from 1 up", "read audit log: no entries are wanted")
	}
	err = source.Read(ctx, filter, func(e client.AuditEntry) error {
		if len(entries) == 2*limit {
			left += limit
			entries = append(entries[:0], entries[limit:]...)
		}
		entries = append(entries, e)
		return nil
	})
	if over := len(entries) - limit; over > 0 {
		left += over
		entries = entries[over:]
	}
	return entries, left, err
}
