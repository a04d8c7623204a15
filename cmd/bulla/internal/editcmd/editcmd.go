// Package editcmd is `bulla edit`: the public part of a stub in a person's editor.
//
// The ciphertext is not in the file that the editor opens, so that nobody can spoil
// it, and what an editor leaves behind (backups, swap files) holds nothing sealed.
package editcmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

const long = `Edit the public part of a stub: labels, annotations, wiring, and what stands in the
clear in its template.

$VISUAL, or $EDITOR, or vi opens a private file that has all of the stub but the
ciphertext: one line stands for it. Once the editor ends, what was edited becomes
the stub, with the ciphertext byte for byte as it was. Where nothing changed,
nothing is written.

Name, namespace, scope and type stay: the values are bound to them. A text that is
no stub is refused, and kept: the error says where, and --continue opens it again.
Values are changed with bulla set, clusters with bulla target, and bulla deliver
writes the wiring for you.`

const example = `  bulla edit apps/payments/payments-db.yaml

  # go on with a text that was refused
  bulla edit apps/payments/payments-db.yaml --continue /tmp/bulla-edit-123/payments-db.yaml`

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	var kept string
	cmd := &cobra.Command{
		Use: "edit STUB", Short: "Edit the public part of a stub", Long: long, Example: example,
		Args: command.Args("one stub file", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), s, args[0], kept) },
	}
	cmd.Flags().StringVar(&kept, "continue", "", "go on with the text at `path`, which an edit before kept")
	return cmd
}

func run(ctx context.Context, s *shell.Shell, name, kept string) error {
	repo, err := s.Open()
	if err != nil {
		return err
	}
	file, was, err := repo.Read(name)
	if err != nil {
		return err
	}
	if !api.ClaimsStub(was) {
		return fault.New("name a stub; other files are edited as they are", "%s is not a %s", file, api.KindSealedManifest)
	}
	store := s.Store(repo.Model.Fleet.Spec.ID)
	defer store.Close()
	read, err := store.Read(ctx, file, was)
	if err != nil {
		return err
	}
	public, err := stub.Public(file, read.Text)
	if errors.Is(err, yamltext.ErrShape) {
		return fault.New("write spec as a plain mapping, or edit the file as it is", "%w", err)
	}
	if err != nil {
		return err
	}
	draft, err := newDraft(file, name, public.Text(), kept)
	if err != nil {
		return err
	}
	edited, err := draft.edit(s)
	if err != nil {
		return err
	}
	if strings.TrimSpace(edited) == "" || edited == public.Text() {
		s.Printf("%s: nothing changed\n", file)
		return draft.drop()
	}
	now, err := public.Join(edited, draft.path, strings.Count(draft.head, "\n"))
	if err == nil {
		err = store.Replace(ctx, read, repo.Abs(file), now)
	}
	if err != nil {
		return draft.keep(err)
	}
	s.Printf("%s: edited; the sealed values are as they were\n", file)
	return draft.drop()
}
