package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/keyneeds"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

type retireOptions struct {
	fleetOptions

	key                         string
	window                      time.Duration
	breakCurrent, breakRollback bool
	undo                        bool
}

func newKeysRetireCommand() *cobra.Command {
	var o retireOptions
	cmd := &cobra.Command{
		Use:   "retire KEY --config FILE --fleet-file FILE (--in-place | --out FILE)",
		Short: "Say what still needs a sealing key, and write a fleet.yaml that retires it",
		Long: `retire lists the stubs that open under this key and no other that opens: at the
accepted head, and at any commit that was in force during --window, to which
somebody may want to roll back. Without anything in the list it writes a
fleet.yaml in which the key is Retired. With something, it refuses until told:

  --break-current    stubs of the accepted head stop opening for clusters that do
                     not have them yet, or lose them ("bulla reseal" moves them)
  --break-rollback   a rollback to a commit in the list would bring stubs back
                     that do not open

A retired key opens nothing, from the merge of that file on. Clusters keep what
they have. The key stays in the token: --undo writes a fleet.yaml in which it is
Superseded again.
` + fleetFileHelp,
		Example: `  bulla-keyservice keys retire 2026-11-a --config keyservice.yaml --fleet-file fleet/fleet.yaml --in-place
  bulla-keyservice keys retire 2026-11-a --config keyservice.yaml --fleet-file fleet/fleet.yaml --in-place --window 168h --break-rollback`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fault.NewUsage("`bulla-keyservice keys ls` shows them", "keys retire takes the id of one key")
			}
			o.key = args[0]
			return command.Needs("config", "fleet-file")(cmd, nil)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	period.Var(cmd.Flags(), &o.window, "window", 30*24*time.Hour, "how far back a rollback must stay possible")
	cmd.Flags().BoolVar(&o.breakCurrent, "break-current", false, "retire it though stubs of the accepted head need it")
	cmd.Flags().BoolVar(&o.breakRollback, "break-rollback", false,
		"retire it though stubs of the window's history need it")
	cmd.Flags().BoolVar(&o.undo, "undo", false, "make a retired key Superseded again: it opens, and seals no more")
	return cmd
}

func (o *retireOptions) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	f, err := o.open(ctx, stdin)
	if err != nil {
		return err
	}
	next, err := o.retired(f)
	if err != nil {
		return fault.AsUsage(err)
	}
	if o.undo {
		return o.finish(ctx, f, next, audit.Entry{Detail: "taken back"}, stdout, stderr)
	}
	needed, err := keyneeds.Find(ctx, f.config, o.key, next, time.Now().Add(-o.window))
	if err != nil {
		return err
	}
	needed.Print(stderr)
	if err := o.mayRetire(needed); err != nil {
		return err
	}
	return o.finish(ctx, f, next, audit.Entry{Head: needed.Head,
		Detail: fmt.Sprintf("needed by %s now, by %d of the last %s", plural.Of(len(needed.Current), "stub"),
			len(needed.History), period.Text(o.window))}, stdout, stderr)
}

// finish signs, records and writes.
func (o *retireOptions) finish(
	ctx context.Context, f *fleetFile, next *api.FleetSpec, e audit.Entry, stdout, stderr io.Writer,
) error {
	if err := f.sign(ctx, next); err != nil {
		return err
	}
	key, _ := next.Key(o.key)
	e.Kind, e.Outcome, e.Keys = audit.Key, "Done", []string{o.key}
	e.Detail = fmt.Sprintf("signed serial %d, in which the key is %s; %s", next.Serial, key.Status, e.Detail)
	if err := f.record(ctx, e); err != nil {
		return err
	}
	if err := f.write(next, stdout, stderr); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "key %s is %s in serial %d\nnext: review and merge it; it counts from then on\n", o.key,
		key.Status, next.Serial)
	return nil
}

// retired is the next fleet with the key retired.
func (o *retireOptions) retired(f *fleetFile) (*api.FleetSpec, error) {
	next := f.next()
	for i := range next.SealingKeys {
		key := &next.SealingKeys[i]
		switch {
		case key.ID != o.key:
		case o.undo && key.Status == api.KeyRetired:
			key.Status = api.KeySuperseded
			return next, nil
		case o.undo:
			return nil, fault.New("`bulla-keyservice keys ls` shows which are", "key %s is %s, not Retired", o.key, key.Status)
		case key.Status == api.KeyActive:
			return nil, fault.New("bulla-keyservice keys rotate makes another one, then bulla reseal moves the locks",
				"key %s is Active", o.key)
		case key.Status == api.KeyRetired:
			return nil, fault.New("there is nothing to do; --undo takes it back", "key %s is Retired already", o.key)
		default:
			key.Status = api.KeyRetired
			return next, nil
		}
	}
	return nil, fault.New("`bulla-keyservice keys ls` shows them", "fleet.yaml has no key %q", o.key)
}

// mayRetire wants a person's word for what would stop opening.
func (o *retireOptions) mayRetire(n *keyneeds.Needs) error {
	if len(n.Current) > 0 && !o.breakCurrent {
		return fault.New("bulla reseal moves their locks; --break-current retires the key all the same",
			"key %s is needed: %s of the accepted head %s under no other", o.key, plural.Of(len(n.Current), "stub"),
			plural.Verb(len(n.Current), "opens", "open"))
	}
	if len(n.History) > 0 && !o.breakRollback {
		return fault.New("wait until the window is past, or give up these rollbacks with --break-rollback",
			"key %s is needed: %s of the last %s %s under no other", o.key, plural.Of(len(n.History), "stub"),
			period.Text(o.window), plural.Verb(len(n.History), "opens", "open"))
	}
	return nil
}
