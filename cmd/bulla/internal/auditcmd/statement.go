package auditcmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/statement"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const statementLong = `State for an auditor what became of a secret on a cluster, from the log alone.

SECRET is namespace/name; a name without a slash is a placement, and means all that
the cluster was granted of it. Four steps are looked for:

  Granted          the key service opened it for the cluster
  Delivered        the cluster said that it stands
  Removed          a head was accepted, at which the cluster then said
  ReportedAbsent   that it is gone, and nothing else after that

--export writes a file with the entries, the proofs that they are in the log, and the
checkpoints that the HSM signed. "bulla audit verify FILE" checks it offline, with the
log's key and nothing else. A step that no entry shows is told and not claimed, with
exit code 3.

What it does not show: a report is the cluster's own word. That a head places the
secret no more stands in Git. That no other entry speaks of it is the key service's
word, unless "bulla audit verify FILE --against EXPORT" holds it to the whole log.
Reports of before this release do not name what they are about.`

const statementExample = `  bulla audit statement payments/db --cluster prod-eu --export db-prod-eu.json
  bulla audit statement payments --cluster prod-eu --export payments-prod-eu.json
  bulla audit verify db-prod-eu.json --log-key "$LOGKEY"
  bulla audit verify db-prod-eu.json --against /archive/acme.jsonl`

type statementFlags struct {
	logFlags
	cluster, export string
}

func newAuditStatement(a run) *cobra.Command {
	var f statementFlags
	format := render.Text
	cmd := &cobra.Command{
		Use: "statement SECRET|PLACEMENT --cluster CLUSTER", Short: "State what became of a secret on a cluster, with proofs",
		Long: statementLong, Example: statementExample,
		Args: command.Args("one secret, NAMESPACE/NAME, or one placement", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.CheckNoNames(); err != nil {
				return err
			}
			return a.state(cmd.Context(), f, args[0], format)
		},
	}
	cmd.Flags().StringVar(&f.cluster, "cluster", "", "the `cluster`")
	_ = cmd.MarkFlagRequired("cluster")
	cmd.Flags().StringVar(&f.export, "export", "", "write the statement to this `file`")
	cmd.Flags().StringVar(&f.fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	addLogKey(cmd, &f.logKey)
	render.FlagNoNames(cmd.Flags(), &format)
	a.CompleteFlags(cmd)
	return cmd
}

func (a run) state(ctx context.Context, f statementFlags, subject string, format render.Format) error {
	object, placement := "", subject
	if namespace, name, ok := strings.Cut(subject, "/"); ok {
		if object, placement = subject, ""; namespace == "" || name == "" {
			return fault.NewUsage("write namespace/name as clusters have it, or a placement", "%q names nothing", subject)
		}
	}
	key, verifier, err := a.logKey(f.logKey)
	if err != nil {
		return err
	}
	service, done, err := a.logService(f.logFlags, key, verifier)
	if err != nil {
		return err
	}
	defer done()
	fleet := strings.TrimPrefix(verifier.Name(), audit.Origin(""))
	s := statement.New(fleet, f.cluster, object, placement)
	if err := gather(ctx, service, s); err != nil {
		return err
	}
	entries, last, err := s.Verify(verifier)
	if err != nil {
		return fault.NewTrust("run it again; where it stays so, tell the key service's operators", "%w", err)
	}
	steps := s.Steps(entries)
	if len(entries) == 0 {
		return fault.New("`bulla audit who` and `bulla audit log --cluster` show what there is",
			"no entry of the audit log grants %s to cluster %q, or reports it", subject, f.cluster)
	}
	if f.export != "" {
		text, err := s.Marshal()
		if err != nil {
			return err
		}
		if err := atomicfile.Write(f.export, text, 0o600); err != nil {
			return err
		}
		a.Notef("wrote %s; `bulla audit verify` checks it without the key service", f.export)
	}
	return a.printSteps(format, s, steps, last, false)
}

// gather reads what the key service has of the subject: its grants, what the cluster
// said, and the heads at which it said that something is gone.
func gather(ctx context.Context, service *auditlog.Service, s *statement.Statement) error {
	defer service.Progress("")
	gone, since := map[string]bool{}, int64(0)
	read := func(in *keyservicev1.ListAuditRequest, keep func(audit.Entry) bool) error {
		for {
			page, err := service.Admin.ReadAudit(ctx, service.Log, in)
			if err != nil {
				return auditlog.Refused(err)
			}
			if err := s.Add(page, keep); err != nil {
				return fault.New("run it again when the other one is done", "%w", err)
			}
			if page.Next == 0 {
				return nil
			}
			service.Progress("read up to entry %d of %d", page.Next, page.Checkpoint.Size)
			in.From = uint64(page.Next)
		}
	}
	err := read(&keyservicev1.ListAuditRequest{Cluster: s.Cluster, Object: s.Object, Kind: string(audit.Unseal),
		Outcome: "Granted"}, func(e audit.Entry) bool {
		about := s.About(e)
		if at := e.Time.UnixMicro(); about && (since == 0 || at < since) {
			since = at
		}
		return about
	})
	if err == nil {
		err = read(&keyservicev1.ListAuditRequest{Cluster: s.Cluster, Object: s.Object, Kind: string(audit.Report)},
			func(e audit.Entry) bool {
				about := s.About(e)
				if about {
					gone[e.Head] = true
				}
				return about
			})
	}
	if err != nil || len(gone) == 0 {
		return err
	}
	return read(&keyservicev1.ListAuditRequest{Kind: string(audit.Head), Outcome: audit.Done},
		func(e audit.Entry) bool { return gone[e.Head] && s.About(e) })
}

// printSteps says what a statement shows; whole says that it was held to a whole log.
func (a run) printSteps(
	format render.Format, s *statement.Statement, steps []statement.Step, last audit.Checkpoint, whole bool,
) error {
	table := render.Table{Header: []string{"OBJECT", "STEP", "SHOWN", "ENTRY", "TIME", "WHAT"}}
	missing := 0
	for _, step := range steps {
		row := []string{step.Object, step.Step, "no", "", "", step.Says}
		if step.Shown {
			row = []string{step.Object, step.Step, "yes", fmt.Sprint(step.Index), step.Time.Format(time.RFC3339), step.Says}
		} else {
			missing++
		}
		table.Rows = append(table.Rows, row)
	}
	if err := format.Print(a.Stdout, steps, table); err != nil {
		return err
	}
	a.Notef("cluster %s, by the log of fleet %s at %s; Delivered and ReportedAbsent are the cluster's own word",
		s.Cluster, s.Fleet, plural.Of(last.Size, "entry", "entries"))
	if !whole {
		a.Notef("that no other entry speaks of it is the key service's word: --against EXPORT holds it to the whole log")
	}
	if missing > 0 {
		a.Warnf("%s not shown", plural.Of(missing, "step"))
		return fault.ErrFindings
	}
	return nil
}
