package kustomize

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	MaybeRunBuildWorker()
	os.Exit(m.Run())
}
