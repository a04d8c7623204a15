package shell

import (
	"runtime"

	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/kustomize"
)

// Builder builds placements of the repository at root, and keeps what it built in
// Git's folder, where no commit can write. Outside of Git it keeps nothing.
func Builder(root string) *kustomize.Builder { return kustomize.NewBuilder(options(root)) }

// TellingBuilder is a [Builder] for who tells what a change does, and seals, grants and
// applies nothing by it: its builds share processes. What it builds is not kept.
func TellingBuilder(root string) *kustomize.Builder {
	o := options(root)
	o.Shared = true
	return kustomize.NewBuilder(o)
}

func options(root string) kustomize.BuilderOptions {
	return kustomize.BuilderOptions{Concurrency: max(2, runtime.NumCPU()), Store: buildStore(root)}
}

// buildStore is nil where there can be none: a repository that may not be written
// to is built all the same.
func buildStore(root string) *kustomize.BuildStore {
	git := fleetrepo.GitDir(root)
	if git == "" {
		return nil
	}
	program, err := version.Program()
	if err != nil {
		return nil
	}
	store, err := kustomize.OpenBuildStore(git, program)
	if err != nil {
		return nil
	}
	return store
}
