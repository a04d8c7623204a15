package view

import (
	"bytes"
	"fmt"
	"path"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/wire"
)

// input is what kustomize gets for a file: a stub's template for a stub, any other
// file as it is. All that a build changes of what Git holds is changed here, before
// kustomize renames anything, so that every rename reaches it. The mark of a stub
// nobody else may carry.
func (v *View) input(p string, data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, lfsPointer):
		return nil, &worker.Failure{File: p, Problem: lfsProblem}
	case v.loose.Leaves(p, data):
		v.leftOut[p] = true
		return data, nil
	case bytes.Contains(data, []byte(api.StubAnnotation)):
		return nil, &worker.Failure{File: p, Problem: fmt.Sprintf("annotation %s is bulla's own", api.StubAnnotation)}
	}
	if line, ok := mergeMark(p, data); ok {
		return nil, &worker.Failure{File: p, Line: line, Problem: api.MergeMarkProblem}
	}
	if !built.IsSealed(data) {
		return data, nil
	}
	return v.stubs.Read(p, data, v.used.keeps)
}

func mergeMark(p string, data []byte) (line int, ok bool) {
	if !isYAML(p) {
		return 0, false
	}
	return api.MergeMark(data)
}

func isYAML(p string) bool { return path.Ext(p) == ".yaml" || path.Ext(p) == ".yml" }

// lfsPointer begins what Git LFS leaves in place of a file.
var lfsPointer = []byte("version https://git-lfs.github.com/spec/")

const lfsProblem = "is a pointer of Git LFS: the file itself is not in Git; " +
	"hint: keep what is placed out of LFS (git lfs untrack, then add it again)"

// Wired implements [worker.Files].
func (v *View) Wired() ([]wire.Stub, error) { return v.stubs.Wired(v.tree.ReadFile) }
