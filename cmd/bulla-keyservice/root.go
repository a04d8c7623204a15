package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// currentRoot finds the root key of a verifier key in the token, and its role.
func currentRoot(ctx context.Context, worker *hsm.Worker, verifierKey, fleet string) (role string, root crypto.Signer, err error) {
	for role = hsm.RoleRoot; hsm.IsRole(role); role = hsm.NextRole(role) {
		root, err = worker.Signer(ctx, hsm.SignerLabel(fleet, role))
		if errors.Is(err, hsm.ErrNoKey) {
			break
		}
		if err != nil {
			return "", nil, err
		}
		if public, ok := root.Public().(*ecdsa.PublicKey); ok && sealing.VerifierKey(keyName(verifierKey), public) == verifierKey {
			return role, root, nil
		}
	}
	return "", nil, fmt.Errorf("find root key: the token does not hold the one that signed fleet.yaml, %s", verifierKey)
}

type rootOptions struct {
	fleetOptions

	existing bool
}

func newRootKeyCommand() *cobra.Command {
	root := &cobra.Command{Use: "root", Short: "Change the fleet's root key", Args: needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var o rootOptions
	rotate := &cobra.Command{
		Use:   "rotate --config FILE --fleet-file FILE (--in-place | --out FILE)",
		Short: "Make a new root key, and write a fleet.yaml in which the old one hands over to it",
		Long: `rotate makes a new root key in the token and has the old one sign that it is
succeeded: spec.rootSuccession. The new key signs the file. Whoever pinned the old
key (the service, clusters, developers) follows that line to the new one, and
then takes nothing that the old one signs any more. The old key stays in the
token and is not used again.

Pin the new key soon, where this prints it: in rootKey of the configuration, from
where it goes into join tokens, and with "bulla trust". A cluster or developer
that begins with the old key believes the old key's holder until it sees the line.
` + fleetFileHelp + `

When something fails after the key was made, run the same again with --existing.`,
		Example: `  bulla-keyservice root rotate --config keyservice.yaml --fleet-file fleet/fleet.yaml --in-place`,
		Args:    needs("config", "fleet-file"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(rotate)
	rotate.Flags().BoolVar(&o.existing, "existing", false, "take the key that a failed run left in the token")
	root.AddCommand(rotate)
	return root
}

func (o *rootOptions) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	f, err := o.open(ctx, stdin)
	if err != nil {
		return err
	}
	role, err := o.makeKey(ctx, f)
	if err != nil {
		return err
	}
	next := f.next()
	key, err := succeedRoot(ctx, f, next, role)
	if err == nil {
		err = f.record(ctx, audit.Entry{Kind: audit.Key, Outcome: "Done",
			Detail: fmt.Sprintf("made root key %s, and signed serial %d with it", key, next.Serial)})
	}
	if err == nil {
		err = f.write(next, stdout, stderr)
	}
	if err != nil {
		return withHint(err, "the new root key is in the token and in no fleet.yaml yet: run again with --existing")
	}
	fmt.Fprintf(stderr, "rootKey: %s\nnext: review and merge serial %d; then pin this key: rootKey in the service's configuration, and bulla trust KEY --replace\n", key, next.Serial)
	return nil
}

// makeKey makes the key of the role after the one that signs now.
func (o *rootOptions) makeKey(ctx context.Context, f *fleetFile) (role string, err error) {
	err = f.withToken(ctx, nil, func(worker *hsm.Worker) error {
		role, _, err = currentRoot(ctx, worker, f.known.RootKey, f.config.Fleet)
		return err
	})
	if err != nil {
		return "", err
	}
	role = hsm.NextRole(role)
	if o.existing {
		return role, nil
	}
	config, err := f.tokenConfig()
	if err != nil {
		return "", err
	}
	_, err = hsm.MakeSigner(config, f.config.Fleet, role)
	if errors.Is(err, hsm.ErrLabelTaken) {
		return "", withHint(err, "if a failed run left this key, take it with --existing")
	}
	return role, err
}

// succeedRoot adds the old key's word for the new one and signs with the new.
func succeedRoot(ctx context.Context, f *fleetFile, next *v1alpha1.FleetSpec, role string) (key string, err error) {
	err = f.withToken(ctx, next.SealingKeys, func(worker *hsm.Worker) error {
		_, old, err := currentRoot(ctx, worker, f.known.RootKey, f.config.Fleet)
		if err != nil {
			return err
		}
		root, err := worker.Signer(ctx, hsm.SignerLabel(f.config.Fleet, role))
		if err != nil {
			return err
		}
		name := keyName(f.known.RootKey)
		public, ok := root.Public().(*ecdsa.PublicKey)
		if !ok {
			return fmt.Errorf("sign fleet: the root key is a %T, not ECDSA", root.Public())
		}
		key = sealing.VerifierKey(name, public)
		step, err := sealing.SignSuccession(f.config.Fleet, next.Serial, name, old, key)
		if err != nil {
			return err
		}
		next.RootSuccession = append(next.RootSuccession, step)
		return sealing.SignFleet(next, name, root)
	})
	return key, err
}
