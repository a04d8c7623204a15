// Package delivercmd is `bulla deliver`: how workloads get the Secret of a stub, said
// in the stub.
package delivercmd

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

const long = `Wire the Secret of a stub into workloads, or take a wire away.

The stub then says under spec.deliverAs what a developer would write into the
workload: environment variables, or a volume that is read-only and in memory. A
build writes it into the workload's own document, before kustomize renames
anything. Ciphertext, comments and order of the file stay.

Workloads are named as their files name them, before namePrefix and nameSuffix.
Without a container all containers get the Secret, and no init container. What
is not there, or collides with what the workload has, is refused before anything
is written, as the build of a placement would refuse it.`

const example = `  # every key as a variable of its name
  bulla deliver apps/payments/payments-db.yaml --env deployment/api

  # one key, under another name, for one container
  bulla deliver apps/payments/payments-db.yaml --env deployment/api:web --env-key password=DB_PASSWORD

  # files below /etc/db
  bulla deliver apps/payments/payments-db.yaml --volume deployment/api:/etc/db --volume-mode 0400

  # restart what Flux or Argo CD placed, and reads it, when a value changes
  bulla deliver apps/payments/payments-db.yaml --restart

  # no more for this workload
  bulla deliver apps/payments/payments-db.yaml --remove deployment/api`

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	var o Flags
	var c changes
	cmd := &cobra.Command{
		Use: "deliver STUB", Short: "Wire the Secret of a stub into workloads", Long: long, Example: example,
		Args: command.Args("one stub file", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.restarts = cmd.Flags().Changed("restart")
			return run(cmd.Context(), s, args[0], &o, c)
		},
	}
	o.Bind(cmd.Flags())
	cmd.Flags().StringArrayVar(&c.removals, "remove", nil,
		"take the wires to `KIND/NAME[:CONTAINER]` away; may be repeated")
	cmd.Flags().BoolVar(&c.restart, "restart", false,
		"restart workloads of other deployers, which read the Secret, when its values change (--restart=false: no more)")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "print the file instead of writing it")
	Complete(s, cmd)
	_ = cmd.RegisterFlagCompletionFunc("remove", completeWired(s))
	return cmd
}

// changes are what the flags beside the wires ask for.
type changes struct {
	removals []string
	// restart is meant when restarts says that somebody said it.
	restart, restarts bool
	dryRun            bool
}

func run(ctx context.Context, s *shell.Shell, name string, o *Flags, c changes) error {
	if err := o.Check(); err != nil {
		return err
	}
	if !o.Given() && len(c.removals) == 0 && !c.restarts {
		return fault.NewUsage("give --env, --volume, --restart or --remove", "there is nothing to wire")
	}
	repo, err := s.Open()
	if err != nil {
		return err
	}
	file, was, err := repo.Read(name)
	if err != nil {
		return err
	}
	store := s.Store(repo.Model.Fleet.Spec.ID)
	defer store.Close()
	read, err := store.Read(ctx, file, was)
	if err != nil {
		return err
	}
	data, err := without(file, read.Text, c.removals)
	if err == nil {
		data, err = o.Apply(file, data)
	}
	if err == nil && c.restarts {
		data, err = restart(file, data, c.restart)
	}
	if errors.Is(err, yamltext.ErrShape) {
		return fault.New("write spec as a plain mapping and spec.deliverAs as a plain list, or change it by hand", "%w", err)
	}
	if err != nil {
		return err
	}
	if o.Given() {
		fleet := sealjob.Fleet{
			Repo: repo, Builder: shell.Builder(repo.Root), Warn: s.Warnf, Note: s.Notef, Progress: s.Progress(),
		}
		where := sealjob.Where{File: file, Old: was, Text: read.Text, Stub: read.Stub}
		if err := fleet.CheckWires(ctx, where, data); err != nil {
			return err
		}
	}
	if c.dryRun {
		return store.Show(s.Stdout, read, data)
	}
	if err := store.Replace(ctx, read, repo.Abs(file), data); err != nil {
		return err
	}
	now, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return err
	}
	s.Printf("%s: %s\n", file, plural.Of(len(now.Spec.DeliverAs), "wire"))
	for _, d := range now.Spec.DeliverAs {
		s.Printf("  %s\n", inWords(d))
	}
	if now.Spec.Restart {
		s.Printf("  workloads of other deployers that read it are restarted when it changes\n")
	}
	return nil
}

func restart(file string, data []byte, on bool) ([]byte, error) {
	old, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return nil, err
	}
	return stub.Restart(file, data, old, on)
}

// without takes the entries of workloads away.
func without(file string, data []byte, removals []string) ([]byte, error) {
	for _, text := range removals {
		gone, path, err := workload("--remove", text)
		if err != nil {
			return nil, err
		}
		if path != "" {
			return nil, fault.NewUsage("write --remove deployment/api", "--remove takes no path")
		}
		old, err := api.ParseSealedManifest(file, data)
		if err != nil {
			return nil, err
		}
		rest := slices.DeleteFunc(slices.Clone(old.Spec.DeliverAs), func(d api.DeliverAs) bool {
			return d.Workload == gone.Workload && (len(gone.Containers) == 0 || slices.Equal(d.Containers, gone.Containers))
		})
		if len(rest) == len(old.Spec.DeliverAs) {
			return nil, notWired(file, text, old.Spec.DeliverAs)
		}
		if data, err = stub.Deliver(file, data, old, rest); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// notWired says what could be taken away instead.
func notWired(file, given string, wires []api.DeliverAs) error {
	hint := "leave --remove out: it has no wire"
	if words := wired(wires); len(words) > 0 {
		hint = closest.Hint(given, words) + "it is wired to " + naming.Some(words)
	}
	return fault.New(hint, "%s: nothing is wired to what --remove names", file)
}
