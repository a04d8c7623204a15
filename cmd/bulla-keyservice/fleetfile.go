package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/fleettext"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// fleetOptions say which fleet.yaml to start from and where the new one goes.
type fleetOptions struct {
	config, file, out string
	inPlace           bool
	root              parts.TokenFlags
	// leaves is set where the root key leaves a token: without a word, the service's.
	leaves bool
}

func (o *fleetOptions) addFlags(cmd *cobra.Command) {
	parts.AddConfigFlag(cmd, &o.config)
	cmd.Flags().StringVar(&o.file, "fleet-file", "", "fleet.yaml to start from, - for standard input")
	cmd.Flags().StringVar(&o.out, "out", "",
		"new file to write, - for standard output; an existing file is never overwritten")
	o.root.Add(cmd.Flags(), "root-", "label of the token that has the root key")
	cmd.Flags().BoolVar(&o.inPlace, "in-place", false, "overwrite the file of --fleet-file, to review as a diff")
}

const fleetFileHelp = `
The new fleet.yaml has the next serial and the root key's signature. It goes to
a new file (--out) or over the old one (--in-place); nothing is committed. A
fleet.yaml that does not verify under the pinned rootKey, or that is older than
the service accepted, is not built upon.

The root key's token is named beside the configuration (--root-token-label,
--root-pin-file), which has nothing of it. With "rootInServiceToken: accepted" it
is the service's.`

// fleetFile is a fleet.yaml that verified, and is about to be changed and
// signed anew.
type fleetFile struct {
	options fleetOptions
	config  *config.Config
	old     []byte
	fleet   *api.Fleet
	known   sealing.Known
	// root is the token that has the root key.
	root hsm.Config
}

// open reads and verifies the file. What it does not verify it must not sign:
// whoever edited the working tree would have their own keys signed.
func (o *fleetOptions) open(ctx context.Context, stdin io.Reader) (*fleetFile, error) {
	if o.inPlace == (o.out != "") || o.inPlace && o.file == "-" {
		return nil, fault.NewUsage("give --in-place to overwrite the file of --fleet-file, or --out FILE for a new one",
			"nothing says where the new fleet.yaml goes")
	}
	if err := o.checkOut(); err != nil {
		return nil, err
	}
	config, err := parts.LoadConfig(o.config)
	if err != nil {
		return nil, err
	}
	f := &fleetFile{options: *o, config: config}
	if f.old, err = readLimited(o.file, stdin); err != nil {
		return nil, fault.New(files.Hint(err,
			"--fleet-file is the fleet.yaml of a clone of the fleet repository, or - for standard input"),
			"read fleet.yaml: %w", err)
	}
	if f.fleet, err = api.ParseFleet(o.file, f.old); err != nil {
		return nil, err
	}
	if f.fleet.Spec.ID != config.Fleet {
		return nil, fault.New("give the fleet.yaml and the configuration of one fleet",
			"%s is of fleet %q, and the configuration of %q", o.file, f.fleet.Spec.ID, config.Fleet)
	}
	accepted, err := acceptedFleet(ctx, config)
	if err != nil {
		return nil, err
	}
	f.known, err = accepted.Accept(&f.fleet.Spec, config.RootKey)
	if errors.Is(err, sealing.ErrRolledBack) {
		return nil, fault.New("start from the fleet.yaml of the branch that the service follows",
			"verify %s: %w", o.file, err)
	}
	if err != nil {
		return nil, fault.New(
			"nothing is signed on top of what the root key did not sign; start from the fleet.yaml of the branch that the "+
				"service follows",
			"verify %s: %w", o.file, err)
	}
	f.root, err = f.rootConfig()
	return f, err
}

// checkOut wants a place for the new file before a key is made: a key that is in
// the token and in no file is a mistake to clear up.
func (o *fleetOptions) checkOut() error {
	if o.out == "" || o.out == "-" {
		return nil
	}
	if _, err := os.Lstat(o.out); err == nil {
		return fault.New("nothing was made; name a new file with --out, or overwrite that of --fleet-file with --in-place",
			"write %s: file already exists", o.out)
	}
	if info, err := os.Stat(filepath.Dir(o.out)); err != nil || !info.IsDir() {
		return fault.New("nothing was made; make the folder, or name another file with --out",
			"write %s: its folder does not exist", o.out)
	}
	return nil
}

func readLimited(file string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	return io.ReadAll(io.LimitReader(from, api.MaxFileSize+1))
}

// acceptedFleet is what the service knows; nothing when it never ran.
func acceptedFleet(ctx context.Context, config *config.Config) (sealing.Known, error) {
	rows, err := parts.OpenRows(ctx, config)
	if rows == nil || err != nil {
		return sealing.Known{}, err
	}
	defer rows.Close() //nolint:errcheck // only read
	return rows.KnownFleet(ctx, config.Fleet)
}

// record leaves an entry for the service's audit log. A service that never ran
// has no log to leave it in.
func (f *fleetFile) record(ctx context.Context, e audit.Entry) error {
	rows, err := parts.OpenRows(ctx, f.config)
	if rows == nil || err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // what was written was committed
	return rows.Do(ctx, journal.Later(rows, f.config.Fleet, e, time.Now()))
}

// next is the fleet with the next serial, to be changed and signed.
func (f *fleetFile) next() *api.FleetSpec {
	next := f.fleet.Spec.DeepCopy()
	next.Serial++
	return next
}

// sign signs with the root key that signed the old one, once the service's token
// was seen to have what is signed.
func (f *fleetFile) sign(ctx context.Context, next *api.FleetSpec) error {
	service, err := f.tokenConfig()
	if err != nil {
		return err
	}
	if err := checkKeys(ctx, service, next.SealingKeys); err != nil {
		return err
	}
	return withRoot(ctx, f.root, f.known.RootKey, func(root crypto.Signer) error {
		return sealing.SignFleet(next, keyName(f.known.RootKey), root)
	})
}

// rootConfig is the token that has the root key.
func (f *fleetFile) rootConfig() (hsm.Config, error) {
	service, err := f.tokenConfig()
	if err != nil {
		return hsm.Config{}, err
	}
	if f.options.root.Given() {
		return parts.BesideService(&f.options.root, service)
	}
	if f.options.leaves || f.config.RootInService() {
		return service, nil
	}
	return hsm.Config{}, parts.ErrNoRootToken(
		"; where it is still in the service's token, see `bulla-keyservice root move --help`")
}

func (f *fleetFile) tokenConfig() (hsm.Config, error) {
	return parts.TokenConfig(f.config, slog.New(slog.DiscardHandler))
}

// keyName is the name in a verifier key.
func keyName(verifierKey string) string {
	name, _, _ := strings.Cut(verifierKey, "+")
	return name
}

// write writes the signed fleet, once what is in it reads back and is what the
// service, the clusters and the developers will accept after the old one.
func (f *fleetFile) write(next *api.FleetSpec, stdout, stderr io.Writer) error {
	data, kept, err := fleettext.Edit(f.options.file, f.old, &f.fleet.Spec, next)
	if err != nil {
		return err
	}
	parsed, err := api.ParseFleet(f.options.file, data)
	if err != nil {
		return fmt.Errorf("read back fleet: %w", err)
	}
	if _, err := f.known.Accept(&parsed.Spec, f.known.Pinned); err != nil {
		return fmt.Errorf("read back fleet: %w", err)
	}
	if !kept {
		fmt.Fprintln(stderr,
			"note: fleet.yaml is laid out in a way that cannot be edited in place; it was written anew, without its comments")
	}
	switch {
	case f.options.inPlace:
		err = atomicfile.Replace(f.options.file, f.old, data)
	case f.options.out == "-":
		_, err = printable.Product(stdout).Write(data)
	default:
		err = atomicfile.Create(f.options.out, data, 0o644)
	}
	return err
}
