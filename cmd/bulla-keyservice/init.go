package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/fleettext"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

type initOptions struct {
	name, fleet, keyID, suite string
	recovery                  []string
	token                     config.TokenFile
	root                      parts.TokenFlags
	rootInService             bool
	out                       string

	replaces, oldRootKey string
	lost                 *lostFleet
}

func newInitCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use: "init {--name NAME | --replaces FILE --old-root-key KEY} {--token-uri URI | --module PATH --token-label " +
			"LABEL} [--pin-file FILE] {--root-token-uri URI | --root-token-label LABEL} [--root-pin-file FILE]",
		Short: "Hold the key ceremony and write fleet.yaml",
		Long: `init makes the fleet's keys, reads their attributes back, and writes fleet.yaml,
signed by the root key. Two tokens (or partitions) hold them, each with a PIN of
its own: ca, log and the first sealing key are in the service's, the root key is
in one that no service logs into. Whoever runs code in the service can use what
its login shows, and a root key signs recovery recipients and successors. Where
one token must do, --root-in-service-token says that somebody decided so; the
service then starts with "rootInServiceToken: accepted" in its configuration only.

It prints the fleet id and the root verifier key. Pin the verifier key outside
Git: in the service's configuration, and with "bulla trust" for each developer.

The PIN comes from --pin-file, from the pin-source of --token-uri or from
BULLA_PIN, that of the root key's token from --root-pin-file, the pin-source of
--root-token-uri or BULLA_ROOT_PIN; never from an argument: a machine shows
arguments to everybody on it.

A recovery recipient is the public half of an offline key (age-keygen -pq). Who
has it can open every payload without the token; without one, a lost token is a
lost fleet, and two-lock stubs are refused.

--replaces makes the keys of a fleet whose token is lost, in another token. The
fleet keeps its id, its recovery recipients and all that is no key, and the lost
sealing keys are Retired. Where the token that is named for the root key has it
still, it signs and stays; else there is a new one, which must be pinned anew. Then
"bulla recover" locks what is in Git to the new key. The whole way is at
` + manual.At + `operations/recovery.md`,
		Example: `  age-keygen -pq -o recovery.key   # then keep it offline
  bulla-keyservice init --name acme --module /usr/lib/softhsm/libsofthsm2.so \
    --token-label acme --pin-file pin --root-token-label acme-root --root-pin-file root-pin \
    --recovery-recipient age1pq1… --out fleet

  # the token as a PKCS#11 URI (RFC 7512)
  bulla-keyservice init --name acme --recovery-recipient age1pq1… --out fleet \
    --token-uri 'pkcs11:token=acme?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/bulla/pin' \
    --root-token-uri 'pkcs11:token=acme-root?pin-source=file:/media/ceremony/root-pin'

  # the token is lost: another one, the same fleet
  bulla-keyservice init --replaces fleet/fleet.yaml --old-root-key acme+1b2c3d4e+AjQ... --out new \
    --module /usr/lib/softhsm/libsofthsm2.so --token-label acme-2 --pin-file pin \
    --root-token-label acme-root-2 --root-pin-file root-pin`,
		Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.replaces != "" {
				if err := o.takeOver(cmd.Flags().Changed); err != nil {
					return fault.AsUsage(err)
				}
			} else if o.name == "" {
				return fault.NewUsage("see "+cmd.CommandPath()+" --help", "--name is missing")
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "name of the fleet, for people")
	flags.StringVar(&o.fleet, "fleet-id", "", "fleet id, 32 hexadecimal digits (default random)")
	flags.StringVar(&o.keyID, "key-id", time.Now().UTC().Format("2006-01")+"-a", "id of the first sealing key")
	flags.StringVar(&o.suite, "suite", string(api.SuiteHybrid), "algorithms of the sealing key: MLKEM768-P256 or P256")
	flags.StringArrayVar(&o.recovery, "recovery-recipient", nil, "age recipient of an offline recovery key (repeatable)")
	flags.StringVar(&o.replaces, "replaces", "", "fleet.yaml of the same fleet, whose token is lost")
	flags.StringVar(&o.oldRootKey, "old-root-key", "", "root verifier key that was pinned for --replaces")
	parts.AddTokenFlags(flags, &o.token)
	o.root.Add(flags, "root-", "label of the token that has the root key to itself")
	flags.BoolVar(&o.rootInService, "root-in-service-token", false,
		"put the root key into the service's token: whoever runs code in the service signs as root")
	flags.StringVar(&o.out, "out", ".", "folder for fleet.yaml; an existing file is never overwritten")
	return cmd
}

func (o *initOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	file := filepath.Join(o.out, "fleet.yaml")
	if err := checkFolder(file, o.out); err != nil {
		return err
	}
	if o.fleet == "" {
		id := make([]byte, 16)
		rand.Read(id)
		o.fleet = hex.EncodeToString(id)
	}
	// Everything that can be wrong with the arguments is found before a key is
	// made: a token with half a ceremony in it is a person's afternoon.
	if err := o.rehearse(); err != nil {
		return fault.AsUsage(err)
	}
	config, err := parts.TokenOf(o.token, o.fleet)
	if err != nil {
		return fault.AsUsage(err)
	}
	rootConfig, err := o.rootToken(config)
	if err != nil {
		return err
	}
	made, role, err := o.make(config, rootConfig)
	if err != nil {
		return err
	}
	root := sealing.VerifierKey(o.name, made.Root)
	fleet := o.record(made.Key, made.Log)
	if err := sign(ctx, config, rootConfig, role, fleet, o.name); err != nil {
		return err
	}
	data, err := o.text(fleet)
	if err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	if err := publish(file, data, root); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "fleet: %s\nrootKey: %s\n", o.fleet, root)
	fmt.Fprintf(stderr, "wrote %s\n%s\n", file, o.next())
	if len(fleet.Spec.RecoveryRecipients) == 0 {
		fmt.Fprintln(stderr,
			"warning: without a recovery recipient a lost token is a lost fleet: before anything is sealed, hold the "+
				"ceremony again with --recovery-recipient")
	}
	return nil
}

// make holds the ceremony, and returns the role of the root key. Where only the
// service's token was lost, that is the one which is there.
func (o *initOptions) make(service, root hsm.Config) (*hsm.Made, string, error) {
	root.Fleet = o.fleet
	if o.lost != nil && !o.rootInService {
		public, err := o.lost.keepRoot(root)
		if err != nil {
			return nil, "", err
		}
		if public != nil {
			made, err := hsm.CeremonyUnder(service, root, public, o.fleet, o.keyID, api.Suite(o.suite))
			return made, o.lost.role, err
		}
	}
	made, err := hsm.Ceremony(service, root, o.fleet, o.keyID, api.Suite(o.suite))
	return made, hsm.RoleRoot, err
}

// checkFolder wants a folder, there or to be made, and no such file in it.
func checkFolder(file, folder string) error {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("write %q: %w", file, os.ErrExist)
	}
	for ; ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if errors.Is(err, os.ErrNotExist) && folder != filepath.Dir(folder) {
			continue
		}
		if err == nil && !info.IsDir() {
			err = errors.New("it is a file")
		}
		if err != nil {
			return fault.New("--out names the folder for fleet.yaml; no key was made",
				"write %q: use folder %q: %w", file, folder, err)
		}
		return nil
	}
}

// text is the file: that of a lost fleet with what changed in it, or a new one.
func (o *initOptions) text(fleet *api.Fleet) ([]byte, error) {
	if o.lost == nil {
		return yaml.Marshal(fleet)
	}
	data, _, err := fleettext.Edit(o.replaces, o.lost.text, &o.lost.fleet.Spec, &fleet.Spec)
	return data, err
}

func (o *initOptions) next() string {
	if o.lost == nil {
		return "next: commit it, and pin rootKey outside Git (bulla trust; rootKey in the service's configuration)"
	}
	if o.lost.role != "" {
		return "next: the root key is the one that was pinned, and stays; put the file into the repository, give the " +
			"service a new store,\n" +
			"      run bulla recover there, merge both together, and give each cluster a new join token"
	}
	return "next: pin rootKey (bulla trust --replace; rootKey in the service's configuration, with a new store), put " +
		"the file into the repository,\n" +
		"      run bulla recover there, merge both together, and give each cluster a new join token"
}

func (o *initOptions) record(key api.SealingKey, log *ecdsa.PublicKey) *api.Fleet {
	logKey := sealing.VerifierKey(audit.Origin(o.fleet), log)
	if o.lost != nil {
		return o.lost.successor(key, logKey)
	}
	return &api.Fleet{
		TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: "Fleet"},
		Metadata: api.Metadata{Name: o.name},
		Spec: api.FleetSpec{
			ID: o.fleet, Serial: 1, SealingKeys: []api.SealingKey{key}, RecoveryRecipients: o.recovery,
			LogKey: logKey,
		},
	}
}

// rehearse goes through the ceremony's outcome with a throwaway key.
func (o *initOptions) rehearse() error {
	key, err := throwawayKey(o.keyID, api.Suite(o.suite))
	if err != nil {
		return err
	}
	if _, err := sealing.NewSealer(key, o.recovery); err != nil {
		return fault.WithHint(err,
			"make a recovery key with `age-keygen -pq`; under MLKEM768-P256 it must be age1pq1…")
	}
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	fleet := o.record(key, &signing.PublicKey)
	fleet.Spec.Signature = "none yet\n\n"
	data, err := o.text(fleet)
	if err != nil {
		return err
	}
	_, err = api.ParseFleet("fleet.yaml", data)
	return byFlag(err)
}

// byFlag names the flag that a refused field is from: the file is not there yet, so
// that a line of it would help nobody.
func byFlag(err error) error {
	refused := (*api.ParseError)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	flag := map[string]string{
		"metadata.name": "--name", "spec.id": "--fleet-id", "spec.sealingKeys[0].id": "--key-id",
		"spec.sealingKeys[0].suite": "--suite",
	}[refused.Field]
	if flag == "" {
		return err
	}
	return fault.NewUsage("no key was made: write it otherwise, and run the command again", "%s %s", flag, refused.Problem)
}

// rootToken is the token that gets the root key.
func (o *initOptions) rootToken(service hsm.Config) (hsm.Config, error) {
	switch {
	case o.rootInService && o.root.Given():
		return hsm.Config{}, fault.NewUsage("say one of both",
			"--root-in-service-token stands beside a token for the root key")
	case o.rootInService:
		return service, nil
	case !o.root.Given():
		return hsm.Config{}, parts.ErrNoRootToken("; --root-in-service-token where somebody decided otherwise")
	}
	return parts.BesideService(&o.root, service)
}

// sign signs with the root key, once the service's token was seen to have what is
// signed.
func sign(ctx context.Context, service, root hsm.Config, role string, fleet *api.Fleet, name string) error {
	if err := checkKeys(ctx, service, fleet.Spec.SealingKeys); err != nil {
		return err
	}
	return withSigner(ctx, root, role, func(signer crypto.Signer) error {
		return sealing.SignFleet(&fleet.Spec, name, signer)
	})
}

// checkKeys starts a worker with these keys pinned: a record that is not the
// token's key is not signed.
func checkKeys(ctx context.Context, service hsm.Config, pinned []api.SealingKey) error {
	service.PinnedKeys = pinned
	return parts.WithWorker(ctx, service, func(*hsm.Worker) error { return nil })
}

// publish writes the file only if what is in it reads back and verifies.
func publish(file string, data []byte, root string) error {
	parsed, err := api.ParseFleet(file, data)
	if err != nil {
		return fmt.Errorf("read back fleet: %w", err)
	}
	if err := sealing.VerifyFleet(&parsed.Spec, root); err != nil {
		return fmt.Errorf("read back fleet: %w", err)
	}
	if _, err := audit.FleetVerifier(&parsed.Spec); err != nil {
		return fmt.Errorf("read back fleet: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // a Git working tree
		return fmt.Errorf("write %q: %w", file, err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // public: it goes to Git
	if err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
