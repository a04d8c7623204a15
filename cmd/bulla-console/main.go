// Command bulla-console is the console for a team: people sign in at an OpenID provider, see
// what the fleet repository and the key service say to them, and change it by pull requests.
//
// It holds no key of the fleet and opens nothing. It re-executes itself for every build of a
// kustomization, so that a repository's author gets a process without environment, network
// or keys.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

func main() {
	kustomize.MaybeRunBuildWorker()
	os.Exit(run())
}

// run is the program between the hook of the child processes and its exit.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := newCommand()
	// Git's texts reach the log, and errors of the command line.
	command.SetOut(printable.Writer(os.Stdout))
	command.SetErr(printable.Writer(os.Stderr))
	return int(fault.Print(command.ErrOrStderr(), command.ExecuteContext(ctx)))
}
