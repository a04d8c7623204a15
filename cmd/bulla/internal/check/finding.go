package check

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
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
	Line int `json:"line,omitempty"`
	// Column counts bytes from 1; 0 when no line is known.
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Problem string `json:"problem"`
	// placement is the one whose build has the problem. What several have is one
	// finding: see merged.
	placement string
}

// String is "file:line:column: field: problem", without the parts that are not known.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
		if f.Column > 0 {
			fmt.Fprintf(&b, ":%d", f.Column)
		}
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
	findings := fromError(file, err)
	for i, f := range findings {
		findings[i] = f.of(f.placement)
	}
	return findings
}

// Broken is the report of a repository whose fleet.yaml does not parse: nothing else can
// be looked at. data is its text.
func Broken(file string, data []byte, err error) *Report {
	findings := FromError(file, err)
	columns(func(string) ([]byte, error) { return data, nil }, findings)
	return &Report{Findings: findings}
}

// of is a finding with the placements that have it in its text.
func (f Finding) of(placements ...string) Finding {
	switch names := strings.Join(placements, ", "); {
	case len(placements) > 1:
		f.Problem += " (placements " + names + ")"
	case names != "":
		f.Problem += " (placement " + names + ")"
	}
	f.placement = ""
	return f
}

func fromError(file string, err error) []Finding {
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
	return Finding{File: e.File, Line: e.Line, Problem: oneLine(e.Problem), placement: e.Placement}
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

func compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Field, b.Field), cmp.Compare(a.Problem, b.Problem),
	)
}
