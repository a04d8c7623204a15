package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/recovery"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing"
)

const recoverLong = `Lock stubs anew with an offline recovery key, when the HSM cannot.

After a lost HSM: fleet.yaml has the new HSM's key as its Active one, signed by
the root key that you pinned anew. Every lock under another key is made again
for the target that it names. With --cluster NAME: that cluster was rebuilt and
has a new recipient; the locks to cluster/NAME are made again, and no others.

Only locks change. Payloads stay byte for byte, so clusters that have a value
neither ask for it again nor restart anything.

New locks are for whom the working tree says: the targets of the old locks, with
recipients from clusters/. Nothing can tell whether an old lock was ever real,
as only the lost HSM could open it. So run this on a reviewed head, without local
changes, and read the list that it prints. A payload that was moved from another
stub is refused, and so are keys that the pinned root key did not sign.

Without STUB, every stub that a placement builds is looked at. Files are changed
in place, to be reviewed and merged as any change. Exit code 3 when some stubs
were refused; the others are written.`

const recoverExample = `  # the HSM is lost; fleet.yaml was made by the new one, and is merged
  bulla trust --replace acme+9c8d7e6f+AjQ...
  bulla recover --identity recovery.key
  git checkout -b recovery && git commit -am "lock to the new HSM"

  # prod-eu was rebuilt: its file in clusters/ has its new keys
  bulla recover --identity recovery.key --cluster prod-eu`

type recoverOptions struct {
	identities  []string
	cluster     string
	all, dryRun bool
}

func newRecover(a *app) *cobra.Command {
	var o recoverOptions
	cmd := &cobra.Command{
		Use: "recover --identity FILE [STUB...]", Short: "Lock stubs anew with a recovery key, after a lost HSM or cluster",
		Long: recoverLong, Example: recoverExample,
		Args: command.Args("stub files", 0, maxOpened),
		RunE: func(cmd *cobra.Command, args []string) error { return a.recover(cmd.Context(), args, o) },
	}
	recovery.Flag(cmd, &o.identities)
	f := cmd.Flags()
	f.StringVar(&o.cluster, "cluster", "", "renew the locks to this `cluster` alone, whatever their key")
	f.BoolVar(&o.all, "all", false, "renew locks under the Active key too")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and write nothing")
	cmd.MarkFlagsMutuallyExclusive("cluster", "all")
	return cmd
}

func (a *app) recover(ctx context.Context, paths []string, o recoverOptions) error {
	repo, err := a.OpenVerified()
	if err != nil {
		return err
	}
	if _, ok := repo.Model.Clusters[o.cluster]; o.cluster != "" && !ok {
		return naming.Unknown(repo.Model, api.KindCluster, o.cluster, "`bulla cluster list` shows the clusters")
	}
	job, err := a.recoveryJob(repo, o)
	if err != nil {
		return err
	}
	if err := job.Finder.Build(ctx); err != nil {
		return err
	}
	stubs, err := a.stubsToRecover(job.Finder, paths)
	if err != nil {
		return err
	}
	store := a.Shell.Store(repo.Model.Fleet.Spec.ID)
	defer store.Close()
	renewed, refused := 0, 0
	for _, file := range stubs {
		done, err := a.recoverStub(ctx, job, store, file, o.dryRun)
		if err != nil {
			a.Warnf("left as it was: %v", err)
			refused++
		} else if done {
			renewed++
		}
	}
	a.Printf("%d of %s locked to key %s\n", renewed, plural.Of(len(stubs), "stub"), job.Sealer.Key.ID)
	if refused > 0 {
		return &fault.Error{
			Code: fault.Findings, Hint: "each warning says why",
			Err: fmt.Errorf("%d of %s %s refused", refused, plural.Of(len(stubs), "stub"), plural.Verb(refused, "was", "were")),
		}
	}
	return nil
}

func (a *app) recoveryJob(repo *fleetrepo.Repo, o recoverOptions) (*recovery.Job, error) {
	key, _ := repo.Model.Fleet.Spec.ActiveKey()
	sealer, err := sealing.NewSealer(key, repo.Model.Fleet.Spec.RecoveryRecipients)
	if err != nil {
		return nil, fmt.Errorf("use the fleet's keys: %w", err)
	}
	ids, err := recovery.SourceOf(a.Shell).Identities(o.identities)
	if err != nil {
		return nil, err
	}
	return &recovery.Job{
		Finder: &recovery.Finder{Repo: repo, Warn: a.Warnf, Progress: a.Progress()},
		Sealer: sealer, Identities: ids, Cluster: o.cluster, All: o.all,
	}, nil
}

// stubsToRecover returns the stubs that were named, or all that a placement
// builds: what no placement builds opens nowhere.
func (a *app) stubsToRecover(finder *recovery.Finder, paths []string) ([]string, error) {
	var stubs []string
	for _, given := range paths {
		file, err := finder.Repo.Rel(given)
		if err != nil {
			return nil, err
		}
		stubs = append(stubs, file)
	}
	if len(paths) > 0 {
		return stubs, nil
	}
	found, unreadable := model.Stubs(finder.Repo.Tree)
	a.LeaveOutAll(unreadable)
	for _, stub := range found {
		switch failed := finder.MayBuild(stub.Path); {
		case len(finder.Uses(stub.Path)) > 0:
			stubs = append(stubs, stub.Path)
		case failed != "":
			a.LeaveOut("%s is left out: placement %s does not build, so that nobody knows which object it becomes", stub.Path,
				failed)
		default:
			a.Warnf("%s is left out: no placement builds it; name it to lock it anew all the same", stub.Path)
		}
	}
	return stubs, nil
}

// recoverStub renews one stub's locks and reports whether there were any.
func (a *app) recoverStub(
	ctx context.Context, job *recovery.Job, store *stored.Store, file string, dryRun bool,
) (bool, error) {
	target := job.Finder.Repo.Abs(file)
	data, err := os.ReadFile(target)
	if err != nil {
		return false, fmt.Errorf("read stub: %w", err)
	}
	read, err := store.Read(ctx, file, data)
	if err != nil {
		return false, err
	}
	out, err := job.Relock(file, read.Text)
	if err != nil {
		return false, err
	}
	for _, left := range out.Left {
		a.Warnf("%s: the lock for %s stays as it is: the fleet has no such target", file, left)
	}
	if out.Data == nil {
		return false, nil
	}
	if !dryRun {
		if err := store.Replace(ctx, read, target, out.Data); err != nil {
			return false, err
		}
	}
	a.Printf("%s: %s\n", file, out)
	return true, nil
}
