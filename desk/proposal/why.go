package proposal

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// ErrRefused says that the remote takes no such branch: a rule of the forge, or a hook.
var ErrRefused = errors.New("the remote refuses it")

// ErrUnreachable says that there was no answer.
var ErrUnreachable = errors.New("there is no answer")

// ErrDenied says that the remote does not know who asks, or what they may do.
var ErrDenied = errors.New("access is denied")

// reasons are how git says what failed, and what to do; the first that is found counts.
var reasons = []struct {
	said *regexp.Regexp
	kind error
	hint string
}{
	{regexp.MustCompile(`(?i)authentication failed|could not read (username|password)|terminal prompts disabled` +
		`|returned error: 401|http basic: access denied|invalid username or (password|token)`), ErrDenied,
		"git has no credentials for it, or old ones: `git push` at a terminal asks for them, `git help credentials` says " +
			"how they are kept"},
	{regexp.MustCompile(`(?i)host key verification failed`), ErrDenied,
		"the host's key is not known: connect once with ssh, and compare it with what the host's owners say"},
	{regexp.MustCompile(`(?i)returned error: 403|permission denied|permission to .* denied|access denied` +
		`|not allowed to push|write access .* not granted`), ErrDenied,
		"whoever git signs in as may not do that: ask for the right to push branches, or use a key or token that has it"},
	{regexp.MustCompile(`(?i)returned error: 404|repository not found|does not appear to be a git repository` +
		`|repository .* not found|no such remote|could not be found`), ErrDenied,
		"there is no such repository, or whoever git signs in as may not see it: `git remote -v` shows the address"},
	{regexp.MustCompile(`(?i)returned error: 413|pack exceeds maximum|file size limit|exceeds .* limit`), ErrRefused,
		"it is too large for the remote: keep the values as references (`bulla reference --help`)"},
	{regexp.MustCompile(`(?i)returned error: (429|5\d\d)|rpc failed`), ErrUnreachable,
		"the remote has trouble: press again later"},
	{regexp.MustCompile(`(?i)could not resolve|couldn't (connect|resolve)|failed to connect` +
		`|connection (refused|reset|closed|timed out)|operation timed out|network is unreachable` +
		`|no route to host|unable to access|hung up|early eof|unable to look up`), ErrUnreachable,
		"the remote cannot be reached: look at the network, and at the address that `git remote -v` shows"},
	{regexp.MustCompile(`(?i)dubious ownership`), ErrDenied,
		"the clone belongs to somebody else: git says how it is allowed, in safe.directory"},
	{regexp.MustCompile(`(?i)cannot lock ref|some local refs could not be updated`), ErrBranch,
		"a branch of the clone is in the way of a new one: `git remote prune` takes away what is no longer there"},
}

// whyNotReached says why nothing came of a call to the remote.
func (r Repository) whyNotReached(what string, err error) error {
	if err == nil {
		return nil
	}
	var late *slow
	if errors.As(err, &late) {
		return fault.New("the remote, a hook or a helper of git does not answer: try `git fetch` at a terminal",
			"%s %s: %w: %w", what, r.Remote, ErrUnreachable, late)
	}
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	for _, one := range reasons {
		if one.said.MatchString(f.said) {
			return fault.New(one.hint, "%s %s: %w: %s", what, r.Remote, one.kind, printable.Line(f.said, mostShown))
		}
	}
	return fault.New("try the same at a terminal: git says more there", "%s %s: %w", what, r.Remote, err)
}

// rejected is a line of git-push(1) --porcelain, such as
//
//	!	<hash>:refs/heads/bulla/x	[remote rejected] (pre-receive hook declined)
var rejected = regexp.MustCompile(`(?m)^!\t\S+\t\[([a-z -]+)\](?: \((.*)\))?$`)

// whyNotPushed says why a branch is not at the remote.
func (r Repository) whyNotPushed(branch string, err error) error {
	var f *failure
	if !errors.As(err, &f) {
		return r.whyNotReached("push "+branch+" to", err)
	}
	how := rejected.FindStringSubmatch(f.out)
	if how == nil {
		return r.whyNotReached("push "+branch+" to", err)
	}
	why := how[2]
	switch {
	case how[1] == "rejected", strings.Contains(why, "already exists"), strings.Contains(why, "non-fast-forward"):
		return r.taken(branch)
	case strings.Contains(why, "failed to update ref"), strings.Contains(why, "cannot lock ref"):
		// One was made meanwhile, or one is called as a folder of this name.
		return r.taken(branch)
	}
	words := cmp.Or(printable.Line(forgesWords(f.said), mostShown), "it says no more")
	return fault.New("the remote's rules say no; whoever keeps them knows which branches may be made. It says: "+words,
		"push %s to %s: %w (%s)", branch, r.Remote, ErrRefused, printable.Line(why, mostTitle))
}

// forgesWords are the lines that the remote itself had shown.
func forgesWords(said string) string {
	var all []string
	for _, line := range strings.Split(said, "\n") {
		if words, ok := strings.CutPrefix(line, "remote:"); ok && strings.Trim(words, " =-*") != "" {
			all = append(all, strings.TrimSpace(words))
		}
	}
	return strings.Join(all, " / ")
}

// whyNoCommit says why git made none.
func whyNoCommit(err error) error {
	var late *slow
	var f *failure
	switch {
	case errors.As(err, &late):
		return fault.New("does something wait for the passphrase of a signing key? Unlock it, and press again",
			"commit: %w", err)
	case errors.As(err, &f) && strings.Contains(f.said, "ident"):
		return fault.New("git config --global user.name and user.email say who you are", "commit: %w", err)
	case errors.As(err, &f) && (strings.Contains(f.said, "sign") || strings.Contains(f.said, " key ")):
		return fault.New("git's configuration has commits signed (commit.gpgsign): unlock the key, and look that "+
			"`git commit` signs at a terminal", "commit: %w", err)
	}
	return err
}
