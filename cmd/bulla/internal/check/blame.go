package check

import (
	"errors"
	"fmt"
	"path"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/internal/yamltext"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Blame is the error of a placement's build with the file that somebody has to
// change: of a folder that is none, the placement's, and the line of its path.
func Blame(t *tree.Tree, m *model.Model, err error) error {
	var build *kustomize.BuildError
	if !errors.As(err, &build) {
		return err
	}
	p := m.Placements[build.Placement]
	if p == nil || build.File != p.Spec.Path || t.IsDir(path.Clean(p.Spec.Path)) {
		return err
	}
	file := m.Files[api.KindPlacement+"/"+build.Placement]
	data, _ := t.ReadFile(file)
	blamed := *build // the error may be kept for others
	blamed.File, blamed.Line = file, yamltext.LineOf(data, "spec", "path")
	blamed.Problem = fmt.Sprintf("spec.path: %s: %s", p.Spec.Path, build.Problem)
	return &blamed
}
