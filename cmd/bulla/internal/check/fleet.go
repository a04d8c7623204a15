package check

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// fleet is what is checked, and what was found. Each check embeds it.
type fleet struct {
	tree     *tree.Tree
	model    *model.Model
	findings map[Finding]bool
	// parsed are the files that a finding's place was looked for in.
	parsed map[string][]*yaml.Node
	// unrecovered wait for what history says of when they were sealed.
	unrecovered []unrecovered
}

func (f *fleet) add(findings ...Finding) {
	for _, one := range findings {
		f.findings[one] = true
	}
}

func (f *fleet) warn(file, format string, args ...any) {
	f.add(Finding{Warning: true, File: file, Problem: fmt.Sprintf(format, args...)})
}

func (f *fleet) placementFile(name string) string {
	return f.model.Files[api.KindPlacement+"/"+name]
}

// refused reports whether a file that says it is this object is refused: a finding
// of its own, whose consequences are no findings.
func (f *fleet) refused(kind, name string) bool { return f.model.Refused(kind, name) != nil }

func describe(id kustomize.ObjectID) string {
	if id.Namespace == "" {
		return fmt.Sprintf("%s %s", id.Kind, id.Name)
	}
	return fmt.Sprintf("%s %s/%s", id.Kind, id.Namespace, id.Name)
}
