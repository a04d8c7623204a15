package servicecmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const historyLong = `Let the key service take one head of a rewritten history.

The service refuses a head that does not descend from the one in force, or whose
commits are not verified, and its readiness names both heads. Look at what the
head places first: an old commit may grant again what was revoked since.

Your word counts once, from the head in force to HASH or to what follows it, and
stands in the audit log under your name. HASH itself must be signed where the
head in force, or the service's configuration, demands signatures. Each cluster
is told by itself, with the annotation bulla.dev/accept-rewrite=OLD..NEW on its
FleetSync. One whose FleetSync says acceptRewrites: KeyService follows your word,
as the log has it, once the service does.

It takes a login with the role operator (see "bulla login").`

const historyExample = `  git fetch && git diff OLD origin/main
  bulla history accept $(git rev-parse origin/main)`

func newHistory(a run) *cobra.Command {
	history := &cobra.Command{Use: "history", Short: "Accept a rewritten history", Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var fleet string
	accept := &cobra.Command{
		Use: "accept HASH", Short: "Let the key service take one head of a rewritten history", Long: historyLong,
		Example: historyExample,
		Args:    command.Args("the full hash of a commit", 1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.acceptHistory(cmd.Context(), fleet, args[0]) },
	}
	accept.Flags().StringVar(&fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	history.AddCommand(accept)
	return history
}

func (a run) acceptHistory(ctx context.Context, fleet, head string) error {
	admin, err := a.Admin(fleet)
	if err != nil {
		return err
	}
	defer admin.Close()
	err = admin.AcceptHistory(ctx, head)
	var denied *client.DeniedError
	if errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonRequest {
		return fault.New("give all 40 digits (git rev-parse origin/main) of a head that is not in force already",
			"accept history %q: %w", head, err)
	}
	if err != nil {
		return login.Refused(err)
	}
	a.Printf("%s may follow the head in force, once; the service's readiness says what became of it\n", head)
	return nil
}
