package main

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

type forgetOptions struct {
	config string
	root   parts.TokenFlags
	yes    bool
}

func newRootForgetCommand() *cobra.Command {
	var o forgetOptions
	cmd := &cobra.Command{
		Use:   "forget --config FILE --yes",
		Short: "Destroy in a token the root keys that were succeeded",
		Long: `forget destroys the root keys that the accepted head says are succeeded: those that
the service's token shows under any label, or with --root-token-label another
token's. The key that signs now is never touched; the head that names its
predecessors must be accepted by the service first. A destroyed key does not come
back, but from a backup of the token: destroy that copy too.`,
		Example: `  bulla-keyservice root forget --config keyservice.yaml --yes`,
		Args:    command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	parts.AddConfigFlag(cmd, &o.config)
	o.root.Add(cmd.Flags(), "root-", "label of the token to look in, instead of the service's")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "destroy them; without it, nothing is changed")
	return cmd
}

func (o *forgetOptions) run(ctx context.Context, stdout io.Writer) error {
	config, err := parts.LoadConfig(o.config)
	if err != nil {
		return err
	}
	token, err := parts.TokenConfig(config, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if o.root.Given() {
		if token, err = parts.BesideService(&o.root, token); err != nil {
			return err
		}
	}
	left, err := succeeded(ctx, config)
	if err != nil {
		return err
	}
	if !o.yes {
		return fault.NewUsage("--yes destroys them; nothing brings them back",
			"%d root keys were succeeded, and would be destroyed in token %q", len(left), token.TokenLabel)
	}
	labels, err := hsm.ForgetKeys(token, left...)
	if err != nil {
		return err
	}
	if len(labels) == 0 {
		fmt.Fprintf(stdout, "token %q has none of the %d root keys that were succeeded\n", token.TokenLabel, len(left))
		return nil
	}
	fmt.Fprintf(stdout, "destroyed in token %q: %s\n", token.TokenLabel, strings.Join(labels, ", "))
	f := &fleetFile{config: config}
	return f.record(ctx, audit.Entry{Kind: audit.Key, Outcome: "Done",
		Detail: fmt.Sprintf("destroyed succeeded root keys: %s", strings.Join(labels, ", "))})
}

// succeeded are the root keys that the accepted head leaves behind.
func succeeded(ctx context.Context, config *config.Config) ([]*ecdsa.PublicKey, error) {
	model, err := acceptedModel(ctx, config)
	if err != nil {
		return nil, err
	}
	if model == nil {
		return nil, fault.New(
			"start `bulla-keyservice serve` once, after the merge: a key is destroyed only when the service "+
				"follows its successor",
			"find succeeded root keys: no head is accepted")
	}
	line, err := sealing.RootKeys(&model.Fleet.Spec, config.RootKey)
	if err != nil {
		return nil, fmt.Errorf("find succeeded root keys: %w", err)
	}
	if len(line) < 2 {
		return nil, fault.New(
			"bulla-keyservice root move makes a successor in another token; the service must have accepted its fleet.yaml",
			"find succeeded root keys: no root key of the accepted head was succeeded")
	}
	left := make([]*ecdsa.PublicKey, len(line)-1)
	for i := range left {
		if left[i], err = sealing.ReadVerifierKey(line[i]); err != nil {
			return nil, fmt.Errorf("find succeeded root keys: %w", err)
		}
	}
	return left, nil
}
