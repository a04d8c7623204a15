package version_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/cmd/internal/version"
)

func TestABuildIsNamedByReleaseAndPlatform(t *testing.T) {
	if text := version.Text(); !strings.Contains(text, runtime.Version()) || !strings.Contains(text, runtime.GOARCH) ||
		strings.HasPrefix(text, " ") {
		t.Errorf("version %q", text)
	}
	one, err := version.Program()
	again, _ := version.Program()
	if err != nil || len(one) != 64 || one != again {
		t.Errorf("this program's hash is %q, then %q (%v)", one, again, err)
	}
}
