package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// errOtherRoot: a token does not hold the root key that signed.
var errOtherRoot = errors.New("does not hold the one that signed fleet.yaml")

// rootRole finds the role of a verifier key's root key in a token.
func rootRole(token hsm.Config, verifierKey string) (string, error) {
	role, _, err := findRoot(token, verifierKey)
	return role, err
}

func findRoot(token hsm.Config, verifierKey string) (string, *ecdsa.PublicKey, error) {
	keys, err := hsm.List(token, token.Fleet)
	if err != nil {
		return "", nil, err
	}
	for _, key := range keys {
		if key.Use != hsm.RoleRoot && !strings.HasPrefix(key.Use, hsm.RoleRoot+"-") {
			continue
		}
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), key.Public)
		if err == nil && sealing.VerifierKey(keyName(verifierKey), public) == verifierKey {
			return key.Use, public, nil
		}
	}
	return "", nil, fault.New(
		"--root-token-label names the token that does; `bulla-keyservice keys ls` with it shows what a token holds",
		"find root key: token %q %w, %s", token.TokenLabel, errOtherRoot, verifierKey)
}

// withRoot signs with the root key of a verifier key.
func withRoot(ctx context.Context, token hsm.Config, verifierKey string, use func(crypto.Signer) error) error {
	role, err := rootRole(token, verifierKey)
	if err != nil {
		return err
	}
	return withSigner(ctx, token, role, use)
}

func withSigner(ctx context.Context, token hsm.Config, role string, use func(crypto.Signer) error) error {
	return parts.WithWorker(ctx, token, func(worker *hsm.Worker) error {
		signer, err := worker.Signer(ctx, hsm.SignerLabel(token.Fleet, role))
		if err != nil {
			return err
		}
		return use(signer)
	})
}

type rootOptions struct {
	fleetOptions

	to       parts.TokenFlags
	existing bool
}

func newRootKeyCommand() *cobra.Command {
	root := &cobra.Command{Use: "root", Short: "Change the fleet's root key, or its token", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	root.AddCommand(newRootRotateCommand(), newRootMoveCommand(), newRootForgetCommand())
	return root
}

const rootHandsOver = `
Whoever pinned the old key (the service, clusters, developers) follows that line
to the new one, and then takes nothing that the old one signs any more.

Pin the new key soon, where this prints it: in rootKey of the configuration, from
where it goes into join tokens, and with "bulla trust". A cluster or developer
that begins with the old key believes the old key's holder until it sees the line.
`

func newRootRotateCommand() *cobra.Command {
	var o rootOptions
	rotate := &cobra.Command{
		Use:   "rotate --config FILE --fleet-file FILE (--in-place | --out FILE)",
		Short: "Make a new root key, and write a fleet.yaml in which the old one hands over to it",
		Long: `rotate makes a new root key in the root key's token and has the old one sign that
it is succeeded: spec.rootSuccession. The new key signs the file. The old key
stays in the token and is not used again.
` + rootHandsOver + fleetFileHelp + `

When something fails after the key was made, run the same again with --existing.`,
		Example: `  bulla-keyservice root rotate --config keyservice.yaml --fleet-file fleet/fleet.yaml --in-place \
    --root-token-label acme-root --root-pin-file root-pin`,
		Args: command.Needs("config", "fleet-file"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(rotate)
	rotate.Flags().BoolVar(&o.existing, "existing", false, "take the key that a failed run left in the token")
	return rotate
}

func newRootMoveCommand() *cobra.Command {
	o := rootOptions{fleetOptions: fleetOptions{leaves: true}}
	move := &cobra.Command{
		Use:   "move --config FILE --fleet-file FILE (--in-place | --out FILE) {--to-token-label LABEL | --to-token-uri URI}",
		Short: "Make a new root key in another token, and write a fleet.yaml in which the old one hands over to it",
		Long: `move brings a fleet whose root key is in the service's token to one of its own: it
makes a new root key in the token of --to-token-label, has the old one sign that it
is succeeded, and the new one sign the file. No key leaves a token. The old key is
looked for in the service's token, or where --root-token-label says.
` + rootHandsOver + `
When the service has accepted the new file, "root forget" destroys the old key where
it was. Then the service starts without "rootInServiceToken: accepted".
` + fleetFileHelp + `

When something fails after the key was made, run the same again with --existing.`,
		Example: `  bulla-keyservice root move --config keyservice.yaml --fleet-file fleet/fleet.yaml --in-place \
    --to-token-label acme-root --to-pin-file root-pin
  # merged, and accepted by the service:
  bulla-keyservice root forget --config keyservice.yaml --yes`,
		Args: command.Needs("config", "fleet-file"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !o.to.Given() {
				return fault.NewUsage(
					"the label of the token (or partition) that the root key gets to itself, with --to-pin-file; or --to-token-uri",
					"--to-token-label is missing")
			}
			return o.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(move)
	o.to.Add(move.Flags(), "to-", "label of the token that gets the root key to itself")
	move.Flags().BoolVar(&o.existing, "existing", false, "take the key that a failed run left in the token")
	return move
}

func (o *rootOptions) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	f, err := o.open(ctx, stdin)
	if err != nil {
		return err
	}
	to, err := o.target(f)
	if err != nil {
		return err
	}
	role, err := o.makeKey(f, to)
	if err != nil {
		return err
	}
	next := f.next()
	key, err := succeedRoot(ctx, f, next, to, role)
	if err == nil {
		err = f.record(ctx, audit.Entry{Kind: audit.Key, Outcome: "Done",
			Detail: fmt.Sprintf("made root key %s, and signed serial %d with it", key, next.Serial)})
	}
	if err == nil {
		err = f.write(next, stdout, stderr)
	}
	if err != nil {
		return fault.WithHint(err,
			"the new root key is in the token and in no fleet.yaml yet: run again with --existing")
	}
	fmt.Fprintf(stderr,
		"rootKey: %s\nnext: review and merge serial %d; then pin this key: rootKey in the service's configuration, and "+
			"bulla trust KEY --replace\n", key, next.Serial)
	if !to.SameToken(f.root) {
		fmt.Fprintln(stderr,
			"      and when the service accepted it: bulla-keyservice root forget destroys the old key where it was")
	}
	return nil
}

// target is the token of the new key: that of the old one, unless another is named.
func (o *rootOptions) target(f *fleetFile) (hsm.Config, error) {
	if !o.to.Given() {
		return f.root, nil
	}
	service, err := f.tokenConfig()
	if err != nil {
		return hsm.Config{}, err
	}
	return parts.BesideService(&o.to, service)
}

// makeKey makes the key of the role after the one that signs now.
func (o *rootOptions) makeKey(f *fleetFile, to hsm.Config) (role string, err error) {
	if role, err = rootRole(f.root, f.known.RootKey); err != nil {
		return "", err
	}
	role = hsm.NextRole(role)
	if o.existing {
		return role, nil
	}
	made, err := hsm.MakeSigner(to, f.config.Fleet, role)
	if errors.Is(err, hsm.ErrLabelTaken) {
		return "", fault.WithHint(err, "if a failed run left this key, take it with --existing")
	}
	if err != nil || f.config.RootInService() && !o.to.Given() {
		return role, err
	}
	service, err := f.tokenConfig()
	if err == nil {
		err = hsm.CheckApart(service, to, made)
	}
	if err != nil {
		_, undone := hsm.ForgetKeys(to, made)
		return "", errors.Join(err, undone)
	}
	return role, nil
}

// succeedRoot adds the old key's word for the new one and signs with the new, once
// the service's token was seen to have what is signed.
func succeedRoot(
	ctx context.Context, f *fleetFile, next *api.FleetSpec, to hsm.Config, role string,
) (key string, err error) {
	service, err := f.tokenConfig()
	if err != nil {
		return "", err
	}
	if err := checkKeys(ctx, service, next.SealingKeys); err != nil {
		return "", err
	}
	name := keyName(f.known.RootKey)
	err = withSigner(ctx, to, role, func(root crypto.Signer) error {
		public, ok := root.Public().(*ecdsa.PublicKey)
		if !ok {
			return fault.New("the new token holds another kind of key under that label: make the root key in one of its own",
				"sign fleet: the root key is a %T, not ECDSA", root.Public())
		}
		key = sealing.VerifierKey(name, public)
		err := withRoot(ctx, f.root, f.known.RootKey, func(old crypto.Signer) error {
			step, err := sealing.SignSuccession(f.config.Fleet, next.Serial, name, old, key)
			next.RootSuccession = append(next.RootSuccession, step)
			return err
		})
		if err != nil {
			return err
		}
		return sealing.SignFleet(next, name, root)
	})
	return key, err
}
