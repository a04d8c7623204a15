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

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/auditcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/checkcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clustercmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/complete"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/delivercmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/diffcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/editcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/exportcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/lookcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/plancmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/referencecmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/rolloutcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/rotatecmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/servicecmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/tracecmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/uicmd"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// app is one run of a command here.
type app struct{ *shell.Shell }

// run is main without the process: arguments in, exit code out.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) fault.Code {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{
		&shell.Shell{Stdin: stdin, Stdout: printable.Writer(stdout), Stderr: printable.Writer(stderr), Screen: stderr,
			Terminal: stdout},
	}
	root := newRoot(a, strings.TrimSuffix(filepath.Base(args[0]), ".exe"))
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	if err == nil && a.Missed > 0 {
		err = &fault.Error{Code: fault.Findings, Hint: "each warning says why; mend that, then run this again",
			Err: fmt.Errorf("what cannot be read was left out, %s above", plural.Of(a.Missed, "warning"))}
	}
	if err != nil {
		a.noteMerge(ctx, err.Error())
	}
	return fault.Print(a.Stderr, err)
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
	// kubectl and flux run a plugin of the name kubectl-bulla, or flux-bulla.
	if host, is := strings.CutSuffix(base, "-bulla"); is && (host == "kubectl" || host == "flux") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: host + " bulla"}
	}
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetFlagErrorFunc(command.Flag)
	root.PersistentFlags().StringVar(&a.Repo, "repo", ".", "`folder` in the fleet repository")
	root.PersistentFlags().StringVar(&a.RootKey, "root-key", "",
		"root verifier `key` to trust for this run, instead of the pinned one")
	root.AddCommand(newInit(a), newTrust(a), sealcmd.New(a.Shell), delivercmd.New(a.Shell), newOpen(a), newRecover(a))
	root.AddCommand(sealcmd.NewSet(a.Shell), sealcmd.NewUnset(a.Shell), sealcmd.NewRename(a.Shell))
	root.AddCommand(rotatecmd.New(a.Shell), editcmd.New(a.Shell), sealcmd.NewTarget(a.Shell))
	root.AddCommand(newPlace(a), rolloutcmd.New(a.Shell), newMerge(a), plancmd.New(a.Shell), diffcmd.New(a.Shell))
	root.AddCommand(importcmd.New(a.Shell), exportcmd.New(a.Shell), referencecmd.New(a.Shell))
	root.AddCommand(newValidate(a), newBuild(a), newVersion(a), newExitCodes(), newDocs(a), newReseal(a))
	root.AddCommand(newSchema(a), checkcmd.New(a.Shell))
	root.AddCommand(clustercmd.New(a.Shell), auditcmd.New(a.Shell))
	root.AddCommand(servicecmd.New(a.Shell)...)
	root.AddCommand(lookcmd.New(a.Shell)...)
	root.AddCommand(tracecmd.New(a.Shell), uicmd.New(a.Shell))
	command.Helpers(root)
	complete.Everywhere(a.Shell, root)
	return root
}
