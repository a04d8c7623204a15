package main

import (
	"os"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/kustomize"
)

// beTheController makes the test binary the controller: the code under test
// runs as a process of its own, under its own ServiceAccount.
const beTheController = "BULLA_TEST_BE_THE_CONTROLLER"

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	if os.Getenv(beTheController) != "" {
		main()
		return
	}
	os.Exit(cluster.Main(m))
}
