package auditcmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/auditlog"
)

const auditLogLong = `Show entries of the audit log, oldest first.

Each entry that is shown is proven to be in the log that the HSM signed. With
filters, that nothing else matches is the service's word: export the log and read
it with --file to be sure of that too.

--export writes the whole log to a file, one JSON object a line, for an archive
that the service cannot reach. Run it again to add what came since; it goes on
where it was interrupted. "bulla audit verify" reads it.`

const auditLogExample = `  # what did prod-eu open since yesterday?
  bulla audit log --cluster prod-eu --kind Unseal --since 24h

  # who was refused, and why?
  bulla audit log --kind Unseal -o json | jq '.[] | select(.entry.outcome != "Granted")'

  # keep a copy out of the service's reach, every night
  bulla audit log --export /archive/acme.jsonl
  bulla audit verify /archive/acme.jsonl`

type auditLogFlags struct {
	logFlags
	auditlog.Filter
	since, until, export string
	limit                int
}

func newAuditLog(a run) *cobra.Command {
	var f auditLogFlags
	format := render.Text
	cmd := &cobra.Command{
		Use: "log", Short: "Show entries of the audit log", Long: auditLogLong, Example: auditLogExample,
		Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			if f.export != "" {
				return a.auditExport(cmd.Context(), f)
			}
			return a.auditLog(cmd.Context(), f, format)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.export, "export", "", "write the whole log to this `file`, or go on with it")
	shell.OutputFlag(cmd, &format)
	filters := map[string]*string{
		"cluster": &f.Cluster, "person": &f.Person, "kind": &f.Kind, "outcome": &f.Outcome, "digest": &f.Digest,
		"object": &f.Object,
	}
	usage := map[string]string{
		"cluster": "of this cluster (`name`)", "person": "of this person (`name`)",
		"kind":    "of this `kind`: " + strings.Join(auditlog.Kinds(), ", "),
		"outcome": "with this `outcome`: Granted, Done, or the reason of a refusal",
		"digest":  "about the stub with this `digest` (sha256:…)", "object": "about this object (`namespace/name`)",
	}
	for name, value := range filters {
		cmd.Flags().StringVar(value, name, "", usage[name])
		cmd.MarkFlagsMutuallyExclusive("export", name)
	}
	cmd.Flags().StringVar(&f.since, "since", "", "from this `time` on: a date, RFC 3339, or 36h for that long ago")
	cmd.Flags().StringVar(&f.until, "until", "", "before this `time`")
	cmd.Flags().IntVar(&f.limit, "limit", 1000, "show the newest `n` of them")
	for _, name := range []string{"file", "since", "until", "limit", "output"} {
		cmd.MarkFlagsMutuallyExclusive("export", name)
	}
	return cmd
}

func (a run) auditLog(ctx context.Context, f auditLogFlags, format render.Format) (err error) {
	if f.limit < 1 {
		return fault.NewUsage("--limit takes a number from 1 on", "--limit is %d", f.limit)
	}
	if err := shell.OneOf("kind", f.Kind, auditlog.Kinds()); err != nil {
		return err
	}
	if err := shell.OneOf("outcome", f.Outcome, auditlog.Outcomes()); err != nil {
		return err
	}
	if err := checkFilters(f); err != nil {
		return err
	}
	now := time.Now()
	if f.Since, err = moment("since", f.since, now); err != nil {
		return err
	}
	if f.Until, err = moment("until", f.until, now); err != nil {
		return err
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return fault.NewUsage("36h is that long ago: the greater one is the earlier",
			"--until %q is not after --since %q", f.until, f.since)
	}
	source, done, err := a.source(f.logFlags)
	if err != nil {
		return err
	}
	defer done()
	entries, left, err := newest(ctx, source, f.Filter, f.limit)
	if err != nil {
		return err
	}
	if left > 0 {
		a.Warnf("%d earlier entries are not shown: --limit or --until shows them", left)
	}
	a.Nothing(len(entries), "the audit log has no such entry")
	return a.auditLines(format, entries)
}

// checkFilters refuses what no entry can match: an empty answer would be taken
// for nothing having happened.
func checkFilters(f auditLogFlags) error {
	if namespace, name, ok := strings.Cut(f.Object, "/"); f.Object != "" && (!ok || namespace == "" || name == "") {
		return fault.NewUsage("write namespace/name as clusters have it, with what an overlay adds",
			"--object %q is not namespace/name", f.Object)
	}
	if f.Digest != "" && !hexid.IsDigest(f.Digest) {
		return fault.NewUsage("it is sha256: and 64 hexadecimal digits; -o json shows whole ones",
			"--digest %q is not the digest of a stub", f.Digest)
	}
	return nil
}

func (a run) auditExport(ctx context.Context, f auditLogFlags) error {
	key, verifier, err := a.logKey(f.logKey)
	if err != nil {
		return err
	}
	service, done, err := a.logService(f.logFlags, key, verifier)
	if err != nil {
		return err
	}
	defer done()
	out, err := service.Export(ctx, f.export, verifier)
	if err != nil {
		return err
	}
	a.Printf("%s holds the whole log: %s, %d of them new\n", f.export, plural.Of(out.Size, "entry", "entries"),
		out.Size-out.Had)
	return nil
}
