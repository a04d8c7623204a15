package plancmd

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/plan/render"
)

// told is where a plan is told beside the output.
type told struct {
	asked  forge.Asked
	status bool
}

func (t *told) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.asked.Kind, "comment", "", "keep a comment on the pull request at a `forge`: "+
		strings.Join(forge.Kinds, ", "))
	f.BoolVar(&t.status, "status", false, "with --comment, set the status bulla/plan of the commit too")
	f.StringVar(&t.asked.URL, "forge-url", "", "`address` of the forge's API (default: what the job's environment says)")
	f.StringVar(&t.asked.Repository, "forge-repository", "", "`repository` there, as owner/name (default: the job's)")
	f.IntVar(&t.asked.Number, "pull-request", 0, "`number` of the pull or merge request (default: the job's)")
	f.StringVar(&t.asked.Author, "comment-author", "",
		"`account` whose comment is edited (default: that of the token)")
}

// place is where to comment, nil for nowhere.
func (t *told) place(revisions []string) (*forge.Place, error) {
	if t.asked.Kind == "" {
		if t.status || t.asked.Number != 0 || t.asked.URL+t.asked.Repository+t.asked.Author != "" {
			return nil, fault.NewUsage("add --comment, with one of "+strings.Join(forge.Kinds, ", "),
				"nothing says at which forge")
		}
		return nil, nil
	}
	t.asked.Head = len(revisions) > 1 && revisions[1] != "HEAD"
	at, err := forge.Find(t.asked, os.Getenv)
	return &at, err
}

// tell has the comment say what a plan does, or why there is none.
func (t *told) tell(ctx context.Context, at forge.Place, p *plan.Plan, why error) error {
	if at.Commit == "" && p != nil {
		at.Commit = p.Head.Commit
	}
	f, err := forge.New(at)
	if err != nil {
		return err
	}
	marker, err := f.Marker(ctx)
	if err != nil {
		return err
	}
	body, verdict, state := "", "there is no plan", forge.Failure
	if p == nil {
		body = render.Failed(why.Error(), fault.Hint(why), version.Text(), marker)
	} else {
		var text strings.Builder
		if err := render.Comment(&text, p, version.Text(), marker); err != nil {
			return err
		}
		body, verdict = text.String(), render.Verdict(p)
		if !p.Blocked() {
			state = forge.Success
		}
	}
	err = f.Comment(ctx, body)
	if t.status && at.Commit != "" {
		err = errors.Join(err, f.Status(ctx, state, verdict))
	}
	return err
}
