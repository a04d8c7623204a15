package kustomize

import (
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	MaybeRunBuildWorker()
	os.Exit(m.Run())
}

// unhurried is for tests that count builds: on a busy machine one that takes long is
// crowded out and begun again, which is another test's subject.
const unhurried = time.Hour
