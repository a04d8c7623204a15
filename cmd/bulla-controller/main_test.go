package main

import (
	"context"
	"os"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/kustomize"
)

// beTheController makes the test binary the controller: the code under test
// runs as a process of its own, under its own ServiceAccount.
const beTheController = "BULLA_TEST_BE_THE_CONTROLLER"

// beTheBrowser makes it the browser of a user.
const beTheBrowser = "BULLA_TEST_BE_THE_BROWSER"

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	if user := os.Getenv(beTheBrowser); user != "" {
		if err := openid.Browse(context.Background(), os.Getenv("ISSUERCA"), os.Args[1], user); err != nil {
			panic(err)
		}
		return
	}
	if os.Getenv(beTheController) != "" {
		main()
		return
	}
	os.Exit(cluster.Main(m))
}
