package forge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/plural"
)

// Checks are what jobs and other programs say of a commit.
type Checks struct{ Passed, Failed, Running int }

// String says it in words, "" where there are none.
func (c Checks) String() string {
	all := c.Passed + c.Failed + c.Running
	switch {
	case all == 0:
		return ""
	case c.Failed > 0:
		return fmt.Sprintf("%d of %s failed", c.Failed, plural.Of(all, "check"))
	case c.Running > 0:
		return fmt.Sprintf("%d of %s passed, the others run", c.Passed, plural.Of(all, "check"))
	case all == 1:
		return "its check passed"
	}
	return fmt.Sprintf("all %d checks passed", all)
}

// add counts one by the word of a forge.
func (c *Checks) add(state string) {
	switch strings.ToLower(state) {
	case "success", "neutral", "skipped", "warning":
		c.Passed++
	case "failure", "failed", "error", "canceled", "cancelled", "timed_out", "action_required", "stale",
		"startup_failure":
		c.Failed++
	default:
		c.Running++
	}
}

// reviews are the last words of each reviewer, the oldest first.
type reviews []struct{ who, state string }

func (r *reviews) add(who, state string) {
	*r = slices.DeleteFunc(*r, func(one struct{ who, state string }) bool { return one.who == who })
	*r = append(*r, struct{ who, state string }{who, state})
}

// into says who approved, and who wants changes.
func (r reviews) into(request *Request) {
	for _, one := range r {
		switch one.state {
		case "APPROVED":
			request.ApprovedBy = append(request.ApprovedBy, one.who)
		case "CHANGES_REQUESTED", "REQUEST_CHANGES":
			request.ChangesBy = append(request.ChangesBy, one.who)
		}
	}
}

// merging says in words what GitHub and GitLab say of merging; what they do not know yet
// is "".
var merging = map[string]string{
	"clean": "it can be merged", "mergeable": "it can be merged", "has_hooks": "it can be merged",
	"unstable": "it can be merged, though a check has not passed",
	"dirty":    conflicts, "conflict": conflicts, "broken_status": conflicts,
	"blocked": "the forge's rules ask for a review or a check first", "not_approved": "it waits for an approval",
	"approvals_syncing": "", "behind": behind, "need_rebase": behind, "draft": draft, "draft_status": draft,
	"ci_must_pass": "its checks must pass first", "ci_still_running": "its checks run",
	"status_checks_must_pass": "its checks must pass first", "requested_changes": "somebody wants changes first",
	"discussions_not_resolved": "its discussions must be resolved first",
	"unknown":                  "", "checking": "", "unchecked": "", "preparing": "",
}

const (
	conflicts = "it conflicts with what was merged meanwhile: make the change anew"
	behind    = "its branch is behind: the forge has to bring it up to date first"
	draft     = "it is a draft"
)

// inWords is merging, or the forge's own word for what is not known here.
func inWords(state string) string {
	if words, ok := merging[state]; ok {
		return words
	}
	return strings.ReplaceAll(state, "_", " ")
}
