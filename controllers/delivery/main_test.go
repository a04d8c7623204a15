package delivery

import (
	"os"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/kustomize"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(cluster.Main(m))
}
