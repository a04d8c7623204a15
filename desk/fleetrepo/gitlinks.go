package fleetrepo

import (
	"os/exec"
	"strings"
	"sync"
)

// gitlinks says where Git has a submodule below a root; nowhere without Git. A folder
// that nobody filled is all that a clone shows of one, and clusters, which read the
// commit, build nothing that has one in it.
func gitlinks(root string) func(path string) bool {
	paths := sync.OnceValue(func() map[string]bool {
		// A program that the repository's own settings name is not run for a look at it.
		out, err := exec.Command("git", "-C", root, "-c", "core.fsmonitor=false", "ls-files", "--stage", "-z").Output()
		if err != nil {
			return nil
		}
		found := map[string]bool{}
		for entry := range strings.SplitSeq(string(out), "\x00") {
			if about, path, ok := strings.Cut(entry, "\t"); ok && strings.HasPrefix(about, "160000 ") {
				found[path] = true
			}
		}
		return found
	})
	return func(path string) bool { return paths()[path] }
}
