package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/fleetrepo"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/trust"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// app is what every command shares.
type app struct {
	stdin io.Reader
	// stdout and stderr escape what a terminal would act on; printable.Product is
	// for values and files that must arrive unchanged.
	stdout, stderr io.Writer
	// screen is stderr as it was given.
	screen io.Writer
	// repo and rootKey are the global flags.
	repo, rootKey string
	// missed counts files and placements that a command had to leave out of what
	// it did or told.
	missed int
}

// run is main without the process: arguments in, exit code out.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) fault.Code {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{stdin: stdin, stdout: printable.Writer(stdout), stderr: printable.Writer(stderr), screen: stderr}
	root := newRoot(a, filepath.Base(args[0]))
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	if err == nil && a.missed > 0 {
		err = &fault.Error{Code: fault.Findings, Hint: "`bulla validate` says why; mend them, then run this again",
			Err: fmt.Errorf("what cannot be read was left out, %s above", count(a.missed, "warning"))}
	}
	return fault.Print(a.stderr, err)
}

const rootLong = `bulla keeps Kubernetes secrets in Git as ciphertext locked to clusters.
Merging a placement grants, reverting it revokes.

Sealing needs public keys only: no network, no cluster, no login.`

const rootExample = `  # start a fleet in an empty Git repository, then trust it
  bulla init --fleet /tmp/fleet.yaml --root-key acme+1b2c3d4e+AjQ... --owner @acme/platform
  bulla trust acme+1b2c3d4e+AjQ...

  # one secret, for the clusters where "payments" is placed
  bulla seal --for payments --name payments-db --from-file password=./password.txt
  git add -A && git commit -m "payments: seal the database password"

  # before every push, and in CI
  bulla validate`

func newRoot(a *app, base string) *cobra.Command {
	root := &cobra.Command{
		Use: "bulla", Short: "Kubernetes secrets in Git, as ciphertext locked to clusters",
		Long: rootLong, Example: rootExample,
		SilenceErrors: true, SilenceUsage: true, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	if strings.TrimSuffix(base, ".exe") == "kubectl-bulla" {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl bulla"}
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(command.Flag)
	root.PersistentFlags().StringVar(&a.repo, "repo", ".", "`folder` in the fleet repository")
	root.PersistentFlags().StringVar(&a.rootKey, "root-key", "", "root verifier `key` to trust for this run, instead of the pinned one")
	root.AddCommand(newInit(a), newTrust(a), newSeal(a), newOpen(a), newRecover(a), newCluster(a), newPlace(a))
	root.AddCommand(newValidate(a), newBuild(a), newVersion(a), newExitCodes(), newDocs(a), newLogin(a), newStatus(a), newKeys(a), newReseal(a))
	root.AddCommand(newAudit(a), newHistory(a), newDeny(a), newReconcile(a), newMerge(a))
	return root
}

// open reads the fleet repository without trusting it.
func (a *app) open() (*fleetrepo.Repo, error) { return fleetrepo.Open(a.repo) }

// openVerified reads the fleet repository and verifies its keys.
func (a *app) openVerified() (*fleetrepo.Repo, error) {
	repo, err := a.open()
	if err != nil {
		return nil, err
	}
	store, err := trust.Open()
	if err != nil {
		return nil, err
	}
	return repo, repo.Verify(store, a.rootKey)
}

// remember keeps that the repository's fleet.yaml was sealed under. A store
// that cannot be written, as on many a build machine, is no reason to fail.
func (a *app) remember(repo *fleetrepo.Repo) {
	store, err := trust.Open()
	if err == nil {
		err = repo.Remember(store)
	}
	if err != nil {
		a.warnf("an older fleet.yaml would not be noticed from now on: %v", err)
	}
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

func (a *app) warnf(format string, args ...any) {
	fmt.Fprintf(a.stderr, "warning: "+format+"\n", args...)
}

// leaveOut tells of what cannot be read. The command goes on without it and ends
// with exit code 3: what it did or told is not all there is.
func (a *app) leaveOut(format string, args ...any) {
	a.missed++
	a.warnf(format, args...)
}

// leaveOutAll tells of stubs that cannot be read.
func (a *app) leaveOutAll(unreadable []model.Unreadable) {
	for _, u := range unreadable {
		a.leaveOut("%s is left out: %v", u.Path, strings.ReplaceAll(u.Err.Error(), "\n", "; "))
	}
}

func (a *app) notef(format string, args ...any) {
	fmt.Fprintf(a.stderr, "note: "+format+"\n", args...)
}

// progress returns a function that shows one line on a terminal and nothing
// elsewhere; an empty line clears it.
func (a *app) progress() func(format string, args ...any) {
	file, ok := a.screen.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(string, ...any) {}
	}
	return func(format string, args ...any) {
		fmt.Fprint(file, "\r\x1b[K", printable.Text(fmt.Sprintf(format, args...)))
	}
}
