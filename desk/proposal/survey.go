package proposal

import (
	"context"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/printable"

	"github.com/bulla-dev/bulla/api/hexid"
)

// About is what the clone knows of a commit. Its texts are those of strangers, in one line
// each.
type About struct {
	Name, Email, Subject string
	// Merged: head comes after it.
	Merged bool
}

// Survey looks at commits all at once. One that the clone has not got is left out.
func (r Repository) Survey(ctx context.Context, head string, commits []string) (map[string]About, error) {
	var asked strings.Builder
	for _, one := range commits {
		if hexid.IsCommit(one) {
			asked.WriteString(one + "\n")
		}
	}
	all := map[string]About{}
	if asked.Len() == 0 || !hexid.IsCommit(head) {
		return all, nil
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	out, err := r.git(ctx, call{in: []byte(asked.String()), args: []string{"log", "--no-walk=unsorted", "--ignore-missing",
		"--no-show-signature", "-z", "--format=%H%x1f%an%x1f%ae%x1f%s", "--stdin"}})
	if err != nil {
		return nil, err
	}
	unmerged, err := r.git(ctx, call{in: []byte(asked.String() + "^" + head + "\n"),
		args: []string{"rev-list", "--ignore-missing", "--stdin"}})
	if err != nil {
		return nil, err
	}
	ahead := map[string]bool{}
	for _, one := range strings.Fields(unmerged) {
		ahead[one] = true
	}
	for _, line := range strings.Split(out, "\x00") {
		if parts := strings.SplitN(line, "\x1f", 4); len(parts) == 4 {
			all[parts[0]] = About{Name: printable.Line(parts[1], mostTitle), Email: printable.Line(parts[2], mostTitle),
				Subject: printable.Line(parts[3], mostTitle), Merged: !ahead[parts[0]]}
		}
	}
	return all, nil
}
