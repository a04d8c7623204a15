package rolloutcmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const promoteLong = `Let the next wave take the release that is under way, though the wave before it
is not Ready with it, or pauses.

The first wave that has not passed counts as passed, for this release and no
other; with --all every wave does. That ends by itself, after a day or what --for
says: what has begun by then goes on, and who comes later waits for the wave as
before, unless it is Ready meanwhile. It needs no commit, and stands in the audit
log under your name. Windows, and a pause, hold as before: resume first. Without
a login, maxUnavailable on the wave does it by a commit.

It takes a login with the role operator (see "bulla login").`

// order is what an operator asks of the key service, without a commit.
type order struct {
	*shell.Shell

	now, all      bool
	length        time.Duration
	reason, fleet string
}

func newPromote(s *shell.Shell) *cobra.Command {
	o := &order{Shell: s, now: true}
	cmd := &cobra.Command{
		Use: "promote PLACEMENT", Short: "Let the next wave begin now", Long: promoteLong,
		Example: "  bulla rollout promote payments --reason \"canary is down for another cause\"",
		Args:    command.Args("one placement", 1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.promote(cmd.Context(), args[0]) },
	}
	cmd.Flags().DurationVar(&o.length, "for", 24*time.Hour, "until when the waves count as passed, at most 744h")
	cmd.Flags().BoolVar(&o.all, "all", false, "let all waves begin, and not the next one alone")
	o.who(cmd, "")
	return cmd
}

func (o *order) flags(cmd *cobra.Command, now string) {
	cmd.Flags().BoolVar(&o.now, "now", false, now)
	o.who(cmd, "with --now: ")
}

func (o *order) who(cmd *cobra.Command, when string) {
	cmd.Flags().StringVar(&o.reason, "reason", "", when+"why, for those who ask (`text`)")
	cmd.Flags().StringVar(&o.fleet, "fleet-id", "", when+"the fleet's `id`, when you are not in its repository")
}

// commit writes the placement's file: what only the key service is asked does not fit.
func (o *order) commit(name, value, did string) error {
	if o.length != 0 || o.reason != "" || o.fleet != "" {
		return fault.NewUsage("add --now, or leave them out: a commit says why and until when",
			"--for, --reason and --fleet-id are for --now")
	}
	return set(o.Shell, name, value, did)
}

func (o *order) pause(ctx context.Context, placement string) error {
	if o.length <= 0 {
		return fault.NewUsage("--for 2h, at most 744h: what is to stay belongs in Git",
			"a pause without a commit needs a time at which it ends")
	}
	until := time.Now().Add(o.length)
	admin, _, err := o.ask(ctx, placement)
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.PauseRollout(ctx, &keyservicev1.PauseRolloutRequest{
		Placement: placement, Until: until.UnixMicro(), Reason: o.reason}); err != nil {
		return refused(err)
	}
	o.Printf("%s: nothing new starts until %s; what has begun goes on\n"+
		"`bulla rollout resume %s --now` ends this\n", placement, until.UTC().Format(time.RFC3339), placement)
	return nil
}

func (o *order) resume(ctx context.Context, placement string) error {
	admin, now, err := o.ask(ctx, placement)
	if err != nil {
		return err
	}
	defer admin.Close()
	if now.GetRollouts()[0].GetPause() == nil {
		return fault.New("`bulla rollout resume "+placement+"`, without --now, ends a pause that Git has",
			"no operator pauses placement %q at the key service", placement)
	}
	if _, err := admin.PauseRollout(ctx, &keyservicev1.PauseRolloutRequest{
		Placement: placement, Reason: o.reason}); err != nil {
		return refused(err)
	}
	o.Printf("%s: the waves go on, as Git has them\n", placement)
	return nil
}

// promote names the head that the key service has now: its release is what is promoted.
func (o *order) promote(ctx context.Context, placement string) error {
	if o.length <= 0 {
		return fault.NewUsage("--for 24h, at most 744h", "a promotion needs a time at which it ends")
	}
	admin, now, err := o.ask(ctx, placement)
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := promotable(now.GetRollouts()[0]); err != nil {
		return err
	}
	out, err := admin.PromoteRollout(ctx, &keyservicev1.PromoteRolloutRequest{
		Placement: placement, Head: now.GetHead(), All: o.all, Reason: o.reason,
		Until: time.Now().Add(o.length).UnixMicro()})
	if err != nil {
		return refused(err)
	}
	o.Printf("%s: wave %s may begin with the release of %s; counted as passed: %s%s\n", placement, out.GetNext(),
		now.GetHead(), strings.Join(out.GetPassed(), ", "), untilText(out.GetUntil()))
	return nil
}

// untilText is when a promotion ends; a service of before does not say.
func untilText(micro int64) string {
	if micro == 0 {
		return ", for good: the key service is of a version before"
	}
	return ", until " + time.UnixMicro(micro).UTC().Format(time.RFC3339)
}

func refused(err error) error {
	var denied *client.DeniedError
	if errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonRequest {
		return fault.New("`bulla status --rollout` shows how far it is: every wave may begin already, the head may be "+
			"another by now, or the release cannot be built for every cluster; the key service's log says which",
			"change the pace: %w", err)
	}
	return login.Refused(err)
}
