// Command bulla-controller runs in a cluster and makes it equal to what the
// fleet repository places on it. It is two loops in one process, FleetSync and
// Delivery; package controllers describes them.
//
// It re-executes itself for every build of a kustomization, so that a
// repository's author gets a process without environment, network or keys.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

func main() {
	kustomize.MaybeRunBuildWorker()
	os.Exit(int(fault.Print(printable.Writer(os.Stderr), newCommand().ExecuteContext(ctrl.SetupSignalHandler()))))
}
