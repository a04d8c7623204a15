package sealcmd

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/reference"
)

func newTargetRemove(s *shell.Shell) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "remove STUB TARGET", Short: "Take the locks for a target out of a stub",
		Long: targetRemoveLong, Example: targetRemoveExample, Args: command.Args("a stub file and a target", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := parseTarget(args[1])
			if err != nil {
				return err
			}
			return removeTarget(cmd.Context(), s, args[0], target, dryRun)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the file instead of writing it")
	cmd.ValidArgsFunction = completeOwnTargets(s)
	return cmd
}

// removeTarget writes a stub without the locks for a target. Payloads stay, so that
// nothing is opened again or restarted where another lock is.
func removeTarget(ctx context.Context, s *shell.Shell, name string, target sealing.Target, dryRun bool) error {
	repo, err := s.Open()
	if err != nil {
		return err
	}
	file, was, err := repo.Read(name)
	if err != nil {
		return err
	}
	if !api.ClaimsStub(was) {
		return fault.New(verbTarget.noStub(file, ofSecret.Match(was)), "%s is not a %s", file, api.KindSealedManifest)
	}
	store := s.Store(repo.Model.Fleet.Spec.ID)
	defer store.Close()
	read, err := store.Read(ctx, file, was)
	if err != nil {
		return err
	}
	locks, err := sealjob.Where{File: file, Stub: read.Stub}.Without(target)
	if err != nil {
		return err
	}
	data, err := stub.SetLocks(file, read.Text, read.Stub, locks)
	if err != nil {
		return err
	}
	if dryRun {
		return store.Show(s.Stdout, read, data)
	}
	if err := store.Replace(ctx, read, repo.Abs(file), data); err != nil {
		return err
	}
	s.Printf("%s: not for %s any more\n", file, target)
	if lost := lostBy(repo, read.Stub, target); len(lost) > 0 {
		s.Notef("once merged, nothing of it opens on %s; what was opened there was read: change the values if it "+
			"should not have been", naming.Some(lost))
	}
	return nil
}

// lostBy are the clusters that no other lock of any block is for.
func lostBy(repo *fleetrepo.Repo, old *api.SealedManifest, target sealing.Target) []string {
	var rest []sealing.Target
	for _, text := range targetsIn(old) {
		if other, err := sealing.ParseTarget(text); err == nil && other != target {
			rest = append(rest, other)
		}
	}
	return sealjob.Lost(repo.Model, []sealing.Target{target}, rest)
}

// targetsIn are those of a stub, each once.
func targetsIn(manifest *api.SealedManifest) []string {
	return reference.Sealed{Stub: manifest}.Targets()
}

func targetsOf(s *shell.Shell, file string) []string {
	data, err := os.ReadFile(s.Named(file))
	if err != nil {
		return nil
	}
	read, err := built.ParseStub(file, data)
	if err != nil {
		return nil
	}
	return reference.Sealed{Stub: read.Manifest, Reference: read.Reference}.Targets()
}
