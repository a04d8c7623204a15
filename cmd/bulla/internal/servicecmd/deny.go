package servicecmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize/built"
)

const denyLong = `Have the key service open something for nobody until a time, whatever Git says.

It needs no commit, and acts on every replica within a second. Name a cluster, a
placement, a stub, or several of them: what matches all of them is refused with
the reason Denied. A stub is named by its file or digest, and every file that
carries one of its values is denied with it: a byte more makes another digest.
Of a value that several placements of a cluster share, one denied placement is
enough to refuse it there.

It is a brake, and no revocation: what a cluster has opened before it keeps, and
what runs there goes on running. Take it out of Git, or rotate the value, before
the time is over. Each denial stands in the audit log under your name, in
"bulla status", and in the Delivery of a cluster that was refused.

Denying and lifting take a login with the role operator (see "bulla login"); any
role may list.`

const denyExample = `  # a cluster was stolen, and its file is still in Git
  bulla deny --cluster store-17 --for 48h --reason "stolen, see INC-1203"

  # nothing of one application on one cluster, nothing of one value anywhere
  bulla deny --placement payments --cluster prod-eu --for 24h --reason "audit"
  bulla deny --stub apps/payments/db.yaml --for 24h --reason "leaked"

  bulla deny ls
  bulla deny lift 4`

type denyFlags struct {
	fleet, stub string
	length      time.Duration
	until       string
	in          keyservicev1.DenyRequest
}

func newDeny(a run) *cobra.Command {
	f := &denyFlags{}
	cmd := &cobra.Command{
		Use: "deny", Short: "Have the key service open something for nobody until a time", Long: denyLong,
		Example: denyExample, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.deny(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.in.Cluster, "cluster", "", "deny it to this `cluster`")
	flags.StringVar(&f.in.Placement, "placement", "", "deny what this `placement` places")
	flags.StringVar(&f.in.Digest, "digest", "", "deny the stub with this `digest`, and its values in any other file")
	flags.StringVar(&f.stub, "stub", "", "deny the stub in this `file`, as --digest does")
	flags.DurationVar(&f.length, "for", 0, "for how long, such as 24h")
	flags.StringVar(&f.until, "until", "", "until this `time` instead: a date, or RFC 3339, such as 2026-12-01T08:00:00Z")
	flags.StringVar(&f.in.Reason, "reason", "", "why, for those who ask (`text`)")
	flags.StringVar(&f.fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	cmd.MarkFlagsMutuallyExclusive("digest", "stub")
	cmd.MarkFlagsMutuallyExclusive("for", "until")
	_ = cmd.RegisterFlagCompletionFunc("cluster", a.CompleteNames(func(n shell.Names) []string { return n.Clusters }))
	_ = cmd.RegisterFlagCompletionFunc("placement", a.CompleteNames(func(n shell.Names) []string { return n.Placements }))
	cmd.AddCommand(newDenyList(a), newDenyLift(a))
	return cmd
}

// request turns the flags into what is asked for.
func (f *denyFlags) request(named func(string) string, now time.Time) error {
	if f.stub != "" {
		data, err := os.ReadFile(named(f.stub))
		if err != nil {
			return fault.New(files.Hint(err, "name a stub's file"), "read stub: %w", err)
		}
		if _, err := built.ParseStub(f.stub, data); err != nil {
			return fault.New("bulla validate tells more", "%s is not a stub: %w", f.stub, err)
		}
		f.in.Digest = api.StubDigest(data)
	}
	if err := f.checkNamed(); err != nil {
		return err
	}
	until := now.Add(f.length)
	if f.until != "" {
		var err error
		if until, err = time.Parse(time.DateOnly, f.until); err != nil {
			until, err = time.Parse(time.RFC3339, f.until)
		}
		if err != nil {
			return fault.NewUsage("write 2026-12-01, which is its first second in UTC, 2026-12-01T08:00:00Z, or --for 24h",
				"--until %q is no time", f.until)
		}
	}
	if !until.After(now) {
		return fault.NewUsage("--for 24h, or --until TIME, at most a year from now: what is to stay belongs in Git",
			"a denial needs a time at which it ends")
	}
	if until.After(now.Add(mostDenied)) {
		return fault.NewUsage("at most a year from now: what is to stay belongs in Git", "%s is too far away",
			until.Format(time.RFC3339))
	}
	f.in.Until = until.UnixMicro()
	return nil
}

// What the service takes at most: see its package denials, which refuses all of this with
// one reason and no word more.
const (
	mostDenied     = 366 * 24 * time.Hour
	mostDenyReason = 256
)

// checkNamed says which of what is named, and of why, is not as it must be.
func (f *denyFlags) checkNamed() error {
	const asInGit = "write it as the name of its file in Git has it: lower-case letters, digits and '-'"
	switch {
	case f.in.Cluster == "" && f.in.Placement == "" && f.in.Digest == "":
		return fault.NewUsage("--cluster, --placement, --stub or --digest", "nothing is named that is to be denied")
	case f.in.Cluster != "" && !protocol.IsName(f.in.Cluster):
		return fault.NewUsage(asInGit, "--cluster %.80q is no name of a cluster", f.in.Cluster)
	case f.in.Placement != "" && !protocol.IsName(f.in.Placement):
		return fault.NewUsage(asInGit, "--placement %.80q is no name of a placement", f.in.Placement)
	case f.in.Digest != "" && !hexid.IsDigest(f.in.Digest):
		return fault.NewUsage("`bulla status -o json` and the audit log show it whole; --stub FILE takes a file's",
			"--digest %.80q is not sha256: and 64 lower-case hexadecimal digits", f.in.Digest)
	case strings.TrimSpace(f.in.Reason) == "":
		return fault.NewUsage("--reason TEXT: it stands in the audit log, and is what others see", "a denial needs a reason")
	}
	if problem := protocol.TextProblem("reason", f.in.Reason, 1, mostDenyReason); problem != "" {
		return fault.NewUsage("one line, and a word where the long story stands", "--%s", problem)
	}
	return nil
}

func (a run) deny(ctx context.Context, f *denyFlags) error {
	if err := f.request(a.Named, time.Now()); err != nil {
		return err
	}
	admin, err := a.Admin(f.fleet)
	if err != nil {
		return err
	}
	defer admin.Close()
	out, err := admin.Deny(ctx, &f.in)
	if err != nil {
		return refusedDenial(err)
	}
	d := ledger.ReadDenial(out.GetDenial())
	a.Printf("denied %d: %s, until %s\n", d.ID, d.What(), d.Until.Format(time.RFC3339))
	a.Printf("what a cluster opened before it keeps; `bulla deny lift %d` ends this\n", d.ID)
	if out.GetUnknown() {
		a.Warnf(
			"the head that the key service accepted has nothing of that name: is it spelt right? What it is given " +
				"later is denied")
	}
	if d.Digest != "" && !out.GetByValue() {
		a.Warnf(
			"the key service does not have that stub at hand, so another file with the same value is not denied: deny " +
				"its placement too")
	}
	return nil
}

func refusedDenial(err error) error {
	var denied *client.DeniedError
	if !errors.As(err, &denied) {
		return login.Refused(err)
	}
	switch denied.Reason {
	case keyservicev1.ReasonNoDenial:
		return fault.New("`bulla deny ls` lists those that count", "no denial of that number counts (any more): %w", err)
	case keyservicev1.ReasonTooMuch:
		return fault.New("lift some: what is to stay belongs in Git", "the deny list is full: %w", err)
	case keyservicev1.ReasonRequest:
		return fault.New("names as in Git, sha256: and 64 digits, at most a year, a reason of one line and at most 256 bytes",
			"deny: %w", err)
	}
	return login.Refused(err)
}

func newDenyList(a run) *cobra.Command {
	var fleet string
	format := render.Text
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List what is denied now", Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.denyList(cmd.Context(), fleet, format) },
	}
	cmd.Flags().StringVar(&fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	shell.OutputFlag(cmd, &format)
	return cmd
}

func (a run) denyList(ctx context.Context, fleet string, format render.Format) error {
	if err := format.Check(); err != nil {
		return err
	}
	admin, err := a.Admin(fleet)
	if err != nil {
		return err
	}
	defer admin.Close()
	out, err := admin.ListDenials(ctx)
	if err != nil {
		return login.Refused(err)
	}
	denials := ledger.ReadDenials(out.GetDenials())
	table := render.Table{Header: []string{"ID", "WHAT", "UNTIL", "BY", "SINCE", "REASON"}}
	now := time.UnixMicro(out.GetTime())
	for _, d := range denials {
		table.Rows = append(table.Rows,
			[]string{fmt.Sprint(d.ID), d.What(), d.Until.Format(time.RFC3339), d.Person, shell.Ago(now, &d.Since), d.Reason})
	}
	a.Nothing(len(denials), "nothing is denied")
	return format.Print(a.Stdout, denials, table)
}

func newDenyLift(a run) *cobra.Command {
	var fleet string
	cmd := &cobra.Command{
		Use: "lift ID", Short: "End a denial before its time", Args: command.Args("the number of a denial", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.denyLift(cmd.Context(), fleet, args[0]) },
	}
	cmd.Flags().StringVar(&fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	return cmd
}

func (a run) denyLift(ctx context.Context, fleet, text string) error {
	id, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return fault.NewUsage("`bulla deny ls` lists them", "%q is no number of a denial", text)
	}
	admin, err := a.Admin(fleet)
	if err != nil {
		return err
	}
	defer admin.Close()
	lifted, err := admin.LiftDenial(ctx, id)
	if err != nil {
		return refusedDenial(err)
	}
	d := ledger.ReadDenial(lifted)
	a.Printf("lifted %d: %s; clusters ask again within ten minutes\n", d.ID, d.What())
	return nil
}
