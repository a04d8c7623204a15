package kustomize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestEveryNameOfAFolderIsTold: one at a time is a push for each; and not a thousand.
func TestEveryNameOfAFolderIsTold(t *testing.T) {
	write := func(folder string, n int) testfleet.Files {
		files := testfleet.Files{}
		for i := range n {
			files[fmt.Sprintf("%s/%02d\u202e.yaml", folder, i)] = testfleet.ConfigMap("a")
		}
		return files
	}
	failed := buildError(t, write("apps/app", 3), placement())
	if len(failed.More) != 2 || !strings.Contains(failed.More[1].File, "02") {
		t.Errorf("a build names %v", failed)
	}
	flaws := testfleet.Open(t, write("docs", 25)).Flaws()
	if len(flaws) != 20 || !strings.HasPrefix(flaws[0].Path, "docs/00") ||
		!strings.HasSuffix(flaws[19].Problem, "; and 5 more names in this folder") {
		t.Errorf("%d names, the last %v", len(flaws), flaws[len(flaws)-1])
	}
}
