package draft

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/revisions"
	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/plan/render"
)

// Committer makes a commit object, to which nothing points, of files on a base.
type Committer func(ctx context.Context, d Draft) (commit string, err error)

// Preview is what a draft does.
type Preview struct {
	Draft
	Plan *plan.Plan
	// Verdict is the plan in one sentence, Text all of it for a pull request.
	Verdict, Text string
	Diffs         []Diff
}

// Preview commits a draft, which is whole, and compares.
func (d *Desk) Preview(ctx context.Context, draft Draft, commit Committer, version string) (*Preview, error) {
	if !draft.Sealed() {
		return nil, fault.New("go back and seal the values", "the draft has no values yet")
	}
	if draft.Commit == "" {
		made, err := commit(ctx, draft)
		if err != nil {
			return nil, err
		}
		if draft, err = d.store.Committed(draft, made, time.Now()); err != nil {
			return nil, err
		}
	}
	p := &Preview{Draft: draft}
	both, err := revisions.Open(d.Clone.Folder, time.Now())
	if err != nil {
		return nil, err
	}
	base, err := both.Read(plan.Revision{Name: "now", Commit: draft.Base})
	if err != nil {
		return nil, err
	}
	head, err := both.Read(plan.Revision{Name: "this change", Commit: p.Commit})
	if err != nil {
		return nil, err
	}
	p.Plan, err = plan.Between(ctx, base, head, plan.Options{Builder: d.Builder, History: both.History()})
	if err != nil {
		return nil, err
	}
	p.Verdict = render.Verdict(p.Plan)
	var text strings.Builder
	if err := render.Markdown(&text, p.Plan, version); err != nil {
		return nil, err
	}
	p.Text = text.String() + draft.said(render.Budget-utf8.RuneCountInString(text.String()))
	for _, file := range slices.Sorted(maps.Keys(draft.Files)) {
		was, _ := base.Tree.ReadFile(file)
		p.Diffs = append(p.Diffs, diff(file, was, draft.Files[file]))
	}
	return p, nil
}

// Title is the first line of the commit, and the title of the pull request.
func (c Choice) Title() string {
	if c.Many != nil {
		return c.Many.Title
	}
	name := c.Name
	if name == "" {
		name = strings.TrimSuffix(c.File[strings.LastIndex(c.File, "/")+1:], ".yaml")
	}
	switch c.Kind {
	case New:
		return c.Placement + ": add secret " + name
	case Change:
		return name + ": change " + strings.Join(c.Keys, ", ")
	case Rotate:
		return name + ": rotate what is generated"
	case Add:
		return name + ": add " + targets(c)
	case Single:
		return name + ": for " + targets(c) + " alone"
	case Remove:
		return name + ": take away from " + targets(c)
	case Away:
		return name + ": take the secret away"
	case Join:
		return c.Placement + ": place on " + targets(c)
	case Leave:
		return c.Placement + ": take away from " + targets(c)
	}
	return c.Placement + ": retire the application"
}

func targets(c Choice) string {
	var names []string
	for _, t := range c.Targets {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}
