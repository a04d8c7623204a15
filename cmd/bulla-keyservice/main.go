// Command bulla-keyservice is the central service of a fleet: it holds the
// key ceremony, and then unseals for each cluster what the reviewed tree places
// there, with private keys that stay in a PKCS#11 token.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store/engine"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

func main() {
	kustomize.MaybeRunBuildWorker()
	hsm.MaybeRunWorker()
	os.Exit(run())
}

// run is the program between the hooks of the child processes and its exit.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := newCommand()
	// Git's texts reach the log, and errors of the command line.
	command.SetOut(printable.Writer(os.Stdout))
	command.SetErr(printable.Writer(os.Stderr))
	err := command.ExecuteContext(ctx)
	return int(fault.Print(command.ErrOrStderr(), err, known))
}

// known is what to do about errors of the libraries.
func known(err error) (fault.Code, string) {
	var mistake *config.Error
	if errors.As(err, &mistake) {
		return fault.Usage, mistake.Hint
	}
	return fault.OK, hintOf(err)
}

func hintOf(err error) string {
	var uri *hsm.URIError
	var setup *hsm.SetupError
	switch {
	case errors.As(err, &uri):
		return uri.Hint
	case errors.As(err, &setup):
		return setup.Hint
	case errors.Is(err, authority.ErrOtherToken):
		return "if the token was lost and replaced, give the service a new store and keep the old one: " +
			manual.At + "operations/recovery.md"
	case errors.Is(err, keyservice.ErrRootInToken):
		return "`bulla-keyservice root move` and `root forget` bring it into a token of its own, see " +
			manual.At + "operations/keys.md; rootInServiceToken: accepted in the configuration where somebody decided " +
			"that whoever runs code in this " +
			"service may sign as root"
	case errors.Is(err, hsm.ErrPIN):
		return "it was tried once and is not tried again, because tokens lock; check the PIN file"
	case errors.Is(err, hsm.ErrLabelTaken):
		return "the token already holds keys of this fleet; nothing was generated"
	case errors.Is(err, hsm.ErrNoKey):
		return "`bulla-keyservice keys ls` shows what the token holds; fleet in the configuration is the id that " +
			"init printed there"
	case errors.Is(err, engine.ErrUnverified):
		return "add sslmode=verify-full to the URL (verify-ca does not prove which host answers), and sslrootcert=FILE " +
			"where the system does not know the authority"
	case errors.Is(err, os.ErrExist):
		return "nothing is ever overwritten; choose another --out folder"
	}
	return ""
}
