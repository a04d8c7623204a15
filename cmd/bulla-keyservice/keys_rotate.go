package main

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/fleettext"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

type rotateOptions struct {
	fleetOptions

	keyID, suite string
	existing     bool
}

func newKeysRotateCommand() *cobra.Command {
	var o rotateOptions
	cmd := &cobra.Command{
		Use:   "rotate --config FILE --fleet-file FILE (--in-place | --out FILE)",
		Short: "Make a new sealing key and write a fleet.yaml that seals with it",
		Long: `rotate makes one more sealing key in the token, reads its attributes back and
tries it, and writes a fleet.yaml in which the new key is Active and the one
before Superseded: it opens on, and seals no more. Nothing changes before that
file is merged. Then "bulla reseal" moves the locks, and "keys retire" ends the
old key's life.
` + fleetFileHelp + `

When something fails after the key was made, the key is in the token and in no
fleet.yaml: run the same again with --key-id and --existing.`,
		Example: `  bulla-keyservice keys rotate --config keyservice.yaml --fleet-file fleet/fleet.yaml --in-place
  git -C fleet diff

  # on the key service's machine, with the repository elsewhere
  ssh keys bulla-keyservice keys rotate --config keyservice.yaml --fleet-file - --out - < fleet.yaml > new.yaml`,
		Args: command.Needs("config", "fleet-file"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.keyID, "key-id", "", "id of the new key (default: year, month and the first free letter)")
	cmd.Flags().StringVar(&o.suite, "suite", "",
		"algorithms of the new key: MLKEM768-P256 or P256 (default: those of the Active one)")
	cmd.Flags().BoolVar(&o.existing, "existing", false, "take the key --key-id that a failed run left in the token")
	return cmd
}

func (o *rotateOptions) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.existing && o.keyID == "" {
		return fault.NewUsage("`bulla-keyservice keys ls` shows the keys in the token", "--existing needs --key-id")
	}
	f, err := o.open(ctx, stdin)
	if err != nil {
		return err
	}
	active, _ := f.fleet.Spec.ActiveKey() // a parsed fleet has one
	if o.suite == "" {
		o.suite = string(active.Suite)
	}
	if o.keyID == "" {
		o.keyID = freeKeyID(&f.fleet.Spec, time.Now())
	}
	if err := o.rehearse(f); err != nil {
		return fault.AsUsage(err)
	}
	// A root token that does not answer is found before the service's has a key more.
	if err := withRoot(ctx, f.root, f.known.RootKey, func(crypto.Signer) error { return nil }); err != nil {
		return err
	}
	key, err := o.key(ctx, f)
	if err != nil {
		return err
	}
	next := rotated(f, key)
	if err := f.sign(ctx, next); err != nil {
		return o.afterwards(err)
	}
	if err := f.record(ctx, audit.Entry{Kind: audit.Key, Outcome: "Done", Keys: []string{key.ID},
		Detail: fmt.Sprintf("made sealing key, and signed serial %d, in which it is Active", next.Serial)}); err != nil {
		return o.afterwards(err)
	}
	if err := f.write(next, stdout, stderr); err != nil {
		return o.afterwards(err)
	}
	fmt.Fprintf(stderr,
		"key %s is Active, %s Superseded, in serial %d\nnext: review and merge it; when the key service accepted "+
			"it: bulla reseal\n",
		key.ID, active.ID, next.Serial)
	return nil
}

// afterwards is an error after the key was made.
func (o *rotateOptions) afterwards(err error) error {
	return fault.WithHint(err,
		fmt.Sprintf("key %s is in the token and in no fleet.yaml yet: run again with --key-id %s --existing", o.keyID,
			o.keyID))
}

// rotated is the next fleet with the key in it.
func rotated(f *fleetFile, key api.SealingKey) *api.FleetSpec {
	next := f.next()
	for i := range next.SealingKeys {
		if next.SealingKeys[i].Status == api.KeyActive {
			next.SealingKeys[i].Status = api.KeySuperseded
		}
	}
	next.SealingKeys = append(next.SealingKeys, key)
	return next
}

// key makes the key, or takes the one that is there, tested as if it were used.
func (o *rotateOptions) key(ctx context.Context, f *fleetFile) (key api.SealingKey, err error) {
	if !o.existing {
		config, err := f.tokenConfig()
		if err != nil {
			return key, err
		}
		key, err := hsm.AddSealingKey(config, f.config.Fleet, o.keyID, api.Suite(o.suite))
		if errors.Is(err, hsm.ErrLabelTaken) {
			return key, fault.WithHint(err,
				"choose another --key-id; if a failed run left this key, take it with --existing")
		}
		return key, err
	}
	service, err := f.tokenConfig()
	if err != nil {
		return key, err
	}
	err = parts.WithWorker(ctx, service, func(worker *hsm.Worker) error {
		public, err := worker.PublicKey(ctx, o.keyID, api.Suite(o.suite))
		key = api.SealingKey{ID: o.keyID, Suite: api.Suite(o.suite), PublicKey: public.String(), Status: api.KeyActive}
		return err
	})
	return key, err
}

// freeKeyID is year, month and the first letter that no key of the fleet has.
func freeKeyID(spec *api.FleetSpec, now time.Time) string {
	for letter := 'a'; letter < 'z'; letter++ {
		id := now.UTC().Format("2006-01-") + string(letter)
		if _, taken := spec.Key(id); !taken {
			return id
		}
	}
	return now.UTC().Format("2006-01-02-150405")
}

// rehearse goes through the outcome with a throwaway key: what is wrong with
// the arguments is found before the token has a key more.
func (o *rotateOptions) rehearse(f *fleetFile) error {
	key, err := throwawayKey(o.keyID, api.Suite(o.suite))
	if err != nil {
		return err
	}
	if _, err := sealing.NewSealer(key, f.fleet.Spec.RecoveryRecipients); err != nil {
		return fault.WithHint(err, "under MLKEM768-P256 every recovery recipient must be age1pq1…")
	}
	next := rotated(f, key)
	next.Signature = "none yet\n\n"
	data, _, err := fleettext.Edit(f.options.file, f.old, &f.fleet.Spec, next)
	if err != nil {
		return err
	}
	_, err = api.ParseFleet(f.options.file, data)
	return err
}

// throwawayKey has the form of a record and no private key that anybody has.
func throwawayKey(id string, suite api.Suite) (api.SealingKey, error) {
	point, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return api.SealingKey{}, err
	}
	var lattice []byte
	if suite == api.SuiteHybrid {
		key, err := mlkem.GenerateKey768()
		if err != nil {
			return api.SealingKey{}, err
		}
		lattice = key.EncapsulationKey().Bytes()
	}
	public, err := sealing.NewPublicKey(suite, point.PublicKey().Bytes(), lattice)
	if err != nil {
		return api.SealingKey{}, fault.New("MLKEM768-P256 or P256", "read --suite %q: %w", suite, err)
	}
	return api.SealingKey{ID: id, Suite: suite, PublicKey: public.String(), Status: api.KeyActive}, nil
}
