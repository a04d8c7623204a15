// Package check looks at a whole fleet and says what would not work once it is
// merged: files that count for nothing, placements that do not build, objects
// that two placements claim, stubs that no cluster can open.
//
// It builds every placement for every cluster with the code that the key
// service and the controllers use, so what passes here is what they see. It
// cannot open anything, and need not.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"go.yaml.in/yaml/v3"
)

// Finding is one problem.
type Finding struct {
	// Warning findings grant less than was meant, or nothing to nobody; the
	// others are errors.
	Warning bool `json:"warning,omitempty"`
	// Note findings are good to know, and count for nothing.
	Note bool   `json:"note,omitempty"`
	File string `json:"file"`
	// Line counts from 1; 0 when no line is known.
	Line    int    `json:"line,omitempty"`
	Field   string `json:"field,omitempty"`
	Problem string `json:"problem"`
}

// String is "file:line: field: problem", without the parts that are not known.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	switch {
	case f.Warning:
		b.WriteString("warning: ")
	case f.Note:
		b.WriteString("note: ")
	}
	if f.Field != "" {
		b.WriteString(f.Field + ": ")
	}
	b.WriteString(f.Problem)
	return b.String()
}

// Report is what was looked at and found.
type Report struct {
	Findings   []Finding `json:"findings"`
	Clusters   int       `json:"clusters"`
	Placements int       `json:"placements"`
	Stubs      int       `json:"stubs"`
}

// Errors returns the number of findings that are neither warnings nor notes.
func (r *Report) Errors() int {
	return r.count(func(f Finding) bool { return !f.Warning && !f.Note })
}

// Warnings returns the number of warnings.
func (r *Report) Warnings() int { return r.count(func(f Finding) bool { return f.Warning }) }

func (r *Report) count(is func(Finding) bool) int {
	n := 0
	for _, f := range r.Findings {
		if is(f) {
			n++
		}
	}
	return n
}

// FromError turns the errors of a parser or a build into findings; file is
// used for those that name none.
func FromError(file string, err error) []Finding {
	var findings []Finding
	for _, e := range flatten(err) {
		finding := Finding{File: file, Problem: e.Error()}
		var parse *api.ParseError
		var build *kustomize.BuildError
		switch {
		case errors.As(e, &parse):
			finding = Finding{File: parse.File, Line: parse.Line, Field: parse.Field, Problem: parse.Problem}
		case errors.As(e, &build):
			for _, one := range append([]*kustomize.BuildError{build}, build.More...) {
				findings = append(findings, ofBuild(file, one))
			}
			continue
		}
		finding.Problem = oneLine(finding.Problem)
		findings = append(findings, finding)
	}
	return findings
}

func ofBuild(file string, e *kustomize.BuildError) Finding {
	if e.File == "" {
		return Finding{File: file, Problem: oneLine(e.Problem)}
	}
	return Finding{File: e.File, Line: e.Line, Problem: fmt.Sprintf("%s (placement %s)", oneLine(e.Problem), e.Placement)}
}

// oneLine: a finding is a line.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// flatten takes errors.Join apart, and leaves errors that merely wrap several
// whole.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var texts []string
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
		texts = append(texts, e.Error())
	}
	if err.Error() != strings.Join(texts, "\n") {
		return []error{err}
	}
	return all
}

type checker struct {
	tree     *tree.Tree
	model    *model.Model
	builder  *kustomize.Builder
	findings map[Finding]bool
	stubs    map[string]*stubUse
	// broken holds the folders of placements that do not build.
	broken map[string]bool
	// deleted are the stubs that a patch takes out of a build.
	deleted map[string]bool
	// read are the files of all builds, folders where they lie.
	read, folders map[string]bool
	// builds are those of all placements that build.
	builds []*kustomize.Build
	// parsed are the files that a finding's place was looked for in.
	parsed map[string][]*yaml.Node
}

// Fleet checks a fleet, also against the last commit. progress is told what is
// being done.
func Fleet(ctx context.Context, tree *tree.Tree, model *model.Model, builder *kustomize.Builder, head *Head, progress func(string, ...any)) (*Report, error) {
	c := &checker{tree: tree, model: model, builder: builder, findings: map[Finding]bool{}, stubs: map[string]*stubUse{}, broken: map[string]bool{}, deleted: map[string]bool{},
		read: map[string]bool{}, folders: map[string]bool{}, parsed: map[string][]*yaml.Node{}}
	for _, problem := range model.Problems {
		c.add(FromError(problem.File, problem.Err)...)
	}
	c.checkFlaws()
	names := slices.Sorted(maps.Keys(model.Clusters))
	for i, cluster := range names {
		progress("building for cluster %d of %d: %s", i+1, len(names), cluster)
		c.cluster(builder.Resolve(ctx, tree, model, cluster))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(model.Placements)) {
		progress("building placement %s", name)
		c.placement(ctx, name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	progress("")
	c.checkDependencies()
	c.checkStubs()
	c.checkLoose()
	c.checkUnread()
	c.checkAimed()
	c.checkReads()
	c.checkOwners()
	c.checkSigning()
	c.checkSince(head)
	report := &Report{
		Findings: append([]Finding{}, merged(c.findings)...),
		Clusters: len(model.Clusters), Placements: len(model.Placements), Stubs: len(c.stubs),
	}
	return report, nil
}

func compare(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Problem, b.Problem))
}

func (c *checker) add(findings ...Finding) {
	for _, f := range findings {
		c.findings[f] = true
	}
}

func (c *checker) warn(file, format string, args ...any) {
	c.add(Finding{Warning: true, File: file, Problem: fmt.Sprintf(format, args...)})
}

func (c *checker) placementFile(name string) string {
	return c.model.Files[api.KindPlacement+"/"+name]
}

// cluster notes what one cluster gets. A failing placement is one finding,
// however many clusters it is on.
func (c *checker) cluster(r *kustomize.Resolution) {
	for name, placed := range r.Placed {
		if placed.Err != nil {
			c.add(FromError(c.placementFile(name), Blame(c.tree, c.model, placed.Err))...)
			c.broken[c.model.Placements[name].Spec.Path] = true
			continue
		}
		for _, conflict := range placed.Conflicts {
			c.add(Finding{File: c.placementFile(name), Problem: fmt.Sprintf("%s is placed by %s too: neither gets it", describe(conflict.ID), strings.Join(conflict.With, ", "))})
		}
		c.note(placed.Build, r.Cluster)
	}
}

func describe(id kustomize.ObjectID) string {
	if id.Namespace == "" {
		return fmt.Sprintf("%s %s", id.Kind, id.Name)
	}
	return fmt.Sprintf("%s %s/%s", id.Kind, id.Namespace, id.Name)
}

// placement checks what does not depend on the cluster, for placements that no
// cluster gets too.
func (c *checker) placement(ctx context.Context, name string) {
	p := c.model.Placements[name]
	build, err := c.builder.Build(ctx, c.tree, p)
	if err != nil {
		c.add(FromError(c.placementFile(name), Blame(c.tree, c.model, err))...)
		c.broken[c.model.Placements[name].Spec.Path] = true
	} else {
		c.note(build, "")
		c.files(build)
		c.admit(build)
		c.builds = append(c.builds, build)
	}
	if len(c.model.TargetsOf(name)) == 0 && !c.targetsRefused(p) {
		c.warn(c.placementFile(name), "it reaches no cluster")
	}
	for i, target := range p.Spec.Targets {
		if _, ok := c.model.Clusters[target.ClusterName]; target.ClusterName != "" && !ok &&
			!c.refused(api.KindCluster, target.ClusterName) {
			c.add(Finding{Warning: true, File: c.placementFile(name), Field: fmt.Sprintf("spec.targets[%d]", i),
				Problem: fmt.Sprintf("cluster %q is not in the fleet", target.ClusterName)})
		}
	}
}

// refused reports whether a file that says it is this object is refused: a finding
// of its own, whose consequences are no findings.
func (c *checker) refused(kind, name string) bool { return c.model.Refused(kind, name) != nil }

func (c *checker) targetsRefused(p *api.Placement) bool {
	return slices.ContainsFunc(p.Spec.Targets, func(t api.PlacementTarget) bool {
		return c.refused(api.KindCluster, t.ClusterName) || t.ClusterSet != "" && c.setUnknown(t.ClusterSet)
	})
}

// setUnknown: who is in a set is not known while its file is refused, or that of a
// cluster, whose labels nobody read.
func (c *checker) setUnknown(set string) bool {
	return c.refused(api.KindClusterSet, set) ||
		slices.ContainsFunc(c.model.Problems, func(p model.Problem) bool { return p.Kind == api.KindCluster })
}

// checkOwners wants a reviewer for everything that grants access.
func (c *checker) checkOwners() {
	for _, file := range []string{"CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS"} {
		data, err := c.tree.ReadFile(file)
		if err != nil {
			continue
		}
		for _, path := range layout.Missing(data) {
			if path != "/CODEOWNERS" || file == "CODEOWNERS" {
				c.warn(file, "it names nobody for %s, which grants access", path)
			}
		}
		return
	}
	c.warn("CODEOWNERS", "it is missing: nobody must approve what grants access")
}
