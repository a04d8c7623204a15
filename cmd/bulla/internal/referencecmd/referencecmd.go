// Package referencecmd is `bulla reference`: a stub whose ciphertext goes to the key
// service's store, and comes back.
package referencecmd

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

const long = `Keep the ciphertext of stubs in the key service's store, and a reference in Git.

A keystore of 900 KiB makes a stub of 1.8 MB, and each new value adds another to
every clone for ever. A reference is 1 KiB, and says all that a reviewer reads:
template, scope, wiring, fields, for whom, and which stub by its digests.

The stub goes to the store first, and the file is written once it is there for
good: no commit comes before what it names. Nothing is opened. The content digest
stays, so that clusters that have the value neither unseal nor restart anything,
there and back. What was committed before stays in Git's history.

--inline brings the stub back into Git, byte for byte, once all of it is held
against its reference; with --dry-run it only says whether the store has it. What
changed since in a reference alone (wiring, labels) is written into the stub.

All other commands take references as they take stubs; those that need the
ciphertext ask the key service for it. It takes a login with the role developer
(see "bulla login"). A stub is collected there once no head of the last 30 days names
it; one that was never merged, after half a year.`

const example = `  # a large value, sealed, then moved out of Git
  bulla seal --for payments --name payments-keystore --from-file keystore.jks
  bulla reference apps/payments/payments-keystore.yaml

  # is what a branch names really there?
  bulla reference --inline --dry-run apps/payments/payments-keystore.yaml

  # back into Git
  bulla reference --inline apps/payments/payments-keystore.yaml`

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	o := options{format: render.Text}
	cmd := &cobra.Command{
		Use: "reference FILE...", Short: "Keep the ciphertext of stubs outside of Git", Long: long, Example: example,
		Args: command.Args("stub files", 1, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.format.Check(); err != nil {
				return err
			}
			return o.run(cmd.Context(), s, args)
		},
	}
	cmd.Flags().BoolVar(&o.inline, "inline", false, "bring the stubs back into Git")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and write nothing, here or there")
	shell.OutputFlag(cmd, &o.format)
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return s.CompleteStubs()
	}
	return cmd
}

type options struct {
	inline, dryRun bool
	format         render.Format
}

// moving is one run.
type moving struct {
	options
	shell *shell.Shell
	repo  *fleetrepo.Repo
	store *stored.Store
	// head is read once, when the first file asks for it.
	head func() *tree.Tree
}

func (o options) run(ctx context.Context, s *shell.Shell, args []string) error {
	repo, err := s.Open()
	if err != nil {
		return err
	}
	m := &moving{options: o, shell: s, repo: repo, store: s.Store(repo.Model.Fleet.Spec.ID),
		head: sync.OnceValue(func() *tree.Tree { return headOf(repo.Root) })}
	defer m.store.Close()
	// All are read before the first is written: a mistake in the last is told at once.
	todo := make([]*file, 0, len(args))
	for _, arg := range args {
		f, err := m.read(arg)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(todo, func(o *file) bool { return o.path == f.path }) {
			todo = append(todo, f) // named twice, it would be found changed by this run itself
		}
	}
	all := []moved{}
	for _, f := range todo {
		did, err := m.move(ctx, f)
		if err != nil {
			return errors.Join(err, m.tell(all))
		}
		all = append(all, did)
	}
	return m.tell(all)
}

// file is one that was named.
type file struct {
	path string
	data []byte
	// now is the reference that it is, next the one that it becomes.
	now, next *api.SealedReference
	// is says that there is nothing to do.
	is bool
}

func (m *moving) read(name string) (*file, error) {
	path, data, err := m.repo.Read(name)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, data: data}
	if !api.ClaimsStub(data) {
		return nil, fault.New("`bulla seal` makes stubs; a Secret in the clear becomes one with `bulla seal --replace`",
			"%s is neither a stub nor a reference to one", path)
	}
	_, kind, _ := api.KindOf(data)
	switch {
	case kind == api.KindSealedReference:
		f.now, err = api.ParseSealedReference(path, data)
		f.is = !m.inline
	case m.inline:
		_, err = api.ParseSealedManifest(path, data)
		f.is = true
	default:
		f.next, err = stored.Reference(m.repo.Model.Fleet.Spec.ID, path, data)
	}
	return f, err
}
