package check

import (
	"errors"
	"fmt"
	"path"
	"strconv"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
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
	if p == nil {
		return err
	}
	at, field := []string{"spec", "path"}, "spec.path"
	folder := p.Spec.Path
	for i, v := range p.Spec.Variants {
		if v.Name == build.Variant && v.Path != "" {
			folder, at = v.Path, []string{"spec", "variants", strconv.Itoa(i), "path"}
			field = fmt.Sprintf("spec.variants[%d].path", i)
		}
	}
	if build.File != folder || t.IsDir(path.Clean(folder)) {
		return err
	}
	file := m.Files[api.KindPlacement+"/"+build.Placement]
	data, _ := t.ReadFile(file)
	blamed := *build // the error may be kept for others
	blamed.File, blamed.Line = file, yamltext.LineOf(data, at...)
	blamed.Problem = fmt.Sprintf("%s: %s: %s", field, folder, build.Problem)
	return &blamed
}
