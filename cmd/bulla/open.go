package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/recovery"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

const openLong = `Open stubs with an offline recovery key and print the Secrets.

The key is the private half of a recovery recipient that fleet.yaml declared
when the values were sealed: a file as age-keygen -pq writes it, also encrypted
with a passphrase. No HSM or cluster is asked, and the key service only for the stub
of a reference, as ciphertext ("bulla login").

The Secret is the object that the placements make of the stub, or that the stub
names when none does. A payload that was moved from another stub is refused.

Values go to standard output and nowhere else, unless --out names a new file,
which others cannot read. The stock age command opens a payload too; it does not
check what the payload was sealed for.`

const openExample = `  # the whole Secret, ready to apply
  bulla open --identity recovery.key apps/payments/payments-db.yaml

  # one value, as it is
  bulla open --identity recovery.key apps/payments/payments-db.yaml --field password

  # without bulla
  yq '.spec.blocks[0].payload' apps/payments/payments-db.yaml | age -d -i recovery.key`

type openOptions struct {
	identities            []string
	placement, field, out string
	format                string
}

func newOpen(a *app) *cobra.Command {
	var o openOptions
	cmd := &cobra.Command{
		Use: "open --identity FILE STUB...", Short: "Open stubs with a recovery key", Long: openLong, Example: openExample,
		Args: command.Args("stub files", 1, maxOpened),
		RunE: func(cmd *cobra.Command, args []string) error { return a.openStubs(cmd.Context(), args, o) },
	}
	recovery.Flag(cmd, &o.identities)
	f := cmd.Flags()
	f.StringVar(&o.placement, "for", "", "`placement` that builds the stubs (default: all are looked through)")
	f.StringVar(&o.field, "field", "", "print one `field` as it is: /data/KEY or KEY")
	f.StringVarP(&o.format, "output", "o", "yaml", "`format`: yaml or json")
	f.StringVar(&o.out, "out", "", "new `file` to write to instead of standard output")
	return cmd
}

// maxOpened bounds the arguments of one run.
const maxOpened = 10_000

func (o openOptions) check(stubs []string) error {
	switch {
	case o.format != "yaml" && o.format != "json":
		return fault.NewUsage("-o takes yaml or json", "output format %q is unknown", o.format)
	case o.field != "" && len(stubs) != 1:
		return fault.NewUsage("give one stub with --field", "--field of %d stubs", len(stubs))
	}
	return nil
}

func (a *app) openStubs(ctx context.Context, paths []string, o openOptions) error {
	if err := o.check(paths); err != nil {
		return err
	}
	// Not verified: no key of fleet.yaml is used, and its id is checked by each
	// payload. A recovery must work from what is left of a repository.
	repo, err := a.Open()
	if err != nil {
		return err
	}
	ids, err := recovery.SourceOf(a.Shell).Identities(o.identities)
	if err != nil {
		return err
	}
	finder := &recovery.Finder{Repo: repo, For: o.placement, Warn: a.Warnf, Progress: a.Progress()}
	if err := finder.Build(ctx); err != nil {
		return err
	}
	store := a.Shell.Store(repo.Model.Fleet.Spec.ID)
	defer store.Close()
	var secrets []map[string]any
	for _, path := range paths {
		file, manifest, err := readStub(ctx, repo, store, path)
		if err != nil {
			return err
		}
		object, err := finder.Object(file, manifest)
		if err != nil {
			return err
		}
		values, err := recovery.Open(repo.Model.Fleet.Spec.ID, file, manifest, object, ids)
		if err != nil {
			return err
		}
		if o.field != "" {
			value, err := recovery.Field(file, o.field, values)
			if err != nil {
				return err
			}
			return a.emit(value, o.out)
		}
		secret, err := recovery.Secret(manifest, object, values)
		if err != nil {
			return err
		}
		secrets = append(secrets, secret)
	}
	text, err := renderSecrets(secrets, o.format)
	if err != nil {
		return err
	}
	return a.emit(text, o.out)
}

func readStub(
	ctx context.Context, repo *fleetrepo.Repo, store *stored.Store, path string,
) (string, *api.SealedManifest, error) {
	file, err := repo.Rel(path)
	if err != nil {
		return "", nil, err
	}
	data, err := os.ReadFile(repo.Abs(file))
	if err != nil {
		return "", nil, fmt.Errorf("read stub: %w", err)
	}
	if _, _, ok := api.KindOf(data); !ok || !api.ClaimsStub(data) {
		return "", nil, fault.New("`bulla seal` makes stubs", "%s is not a %s", file, api.KindSealedManifest)
	}
	read, err := store.Read(ctx, file, data)
	if err != nil {
		return "", nil, err
	}
	return file, read.Stub, nil
}

// renderSecrets writes what kubectl apply -f - takes.
func renderSecrets(secrets []map[string]any, format string) ([]byte, error) {
	if format == "json" {
		var object any = secrets[0]
		if len(secrets) > 1 {
			object = map[string]any{"apiVersion": "v1", "kind": "List", "items": secrets}
		}
		text, err := json.MarshalIndent(object, "", "  ")
		return append(text, '\n'), err
	}
	var text []byte
	for i, secret := range secrets {
		if i > 0 {
			text = append(text, "---\n"...)
		}
		document, err := yaml.Marshal(secret)
		if err != nil {
			return nil, fmt.Errorf("write Secret: %w", err)
		}
		text = append(text, document...)
	}
	return text, nil
}

// emit writes plaintext to standard output, or to a new file of the user's own.
func (a *app) emit(text []byte, out string) error {
	defer clear(text)
	if out == "" {
		_, err := printable.Product(a.Stdout).Write(text)
		return err
	}
	err := atomicfile.Create(out, text, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New("name a file that is not there", "%w", err)
	}
	return err
}
