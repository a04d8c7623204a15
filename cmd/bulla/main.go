// Command bulla is the command line for developers, reviewers and operators of
// a fleet; as kubectl-bulla on the PATH it is also `kubectl bulla`.
//
// It seals with public keys only and needs neither network nor cluster, except
// `bulla cluster add --context`, which reads two public keys from a cluster.
// It cannot open what it sealed, except with an offline recovery key that a
// person gives it: `bulla open` and `bulla recover`.
package main

import (
	"os"

	"github.com/bulla-dev/bulla/kustomize"
)

func main() {
	kustomize.MaybeRunBuildWorker()
	os.Exit(int(run(os.Args, os.Stdin, os.Stdout, os.Stderr)))
}
