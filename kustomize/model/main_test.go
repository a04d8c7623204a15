package model_test

import (
	"os"
	"testing"

	"github.com/bulla-dev/bulla/kustomize"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}
