package git

import (
	"errors"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// tagging is a repository whose tags are followed.
type tagging struct {
	*testing.T
	r *gitserver.Repo
	m *Mirror
	// n makes each commit another one.
	n string
}

func newTagging(t *testing.T, r *gitserver.Repo, tags Tags) *tagging {
	t.Helper()
	m, err := OpenAt(t.TempDir(), r.URL(), "main", tags, Auth{Username: r.Username, Password: r.Password}, Limits{})
	must(t, err)
	return &tagging{T: t, r: r, m: m}
}

func (w *tagging) git(arguments ...string) string {
	w.Helper()
	out, err := w.r.Git(arguments...)
	must(w.T, err)
	return out
}

func (w *tagging) commit() string {
	w.Helper()
	w.n += "x"
	return push(w.T, w.r, testfleet.Files{"fleet.yaml": w.n})
}

// tag puts a tag on a commit, wherever it was before.
func (w *tagging) tag(name, commit string, options ...string) {
	w.Helper()
	w.git(append(append([]string{"tag", "--force"}, options...), name, commit)...)
	w.git("push", "--force", "origin", "refs/tags/"+name)
}

// at: a look finds a commit, and so does a fetch from the head accepted last.
func (w *tagging) at(accepted, want string) {
	w.Helper()
	got, err := w.m.Fetch(w.Context(), accepted)
	if err != nil || got != want {
		w.Fatalf("fetched %s, want %s: %v", got, want, err)
	}
	if got, err := w.m.Look(w.Context()); err != nil || got != want {
		w.Fatalf("looked at %s, want %s: %v", got, want, err)
	}
}

// held: nothing is taken, and no look says that all is as it was.
func (w *tagging) held(accepted string) {
	w.Helper()
	if got, err := w.m.Fetch(w.Context(), accepted); !errors.Is(err, source.ErrHistoryRewritten) {
		w.Fatalf("fetched %s: %v", got, err)
	}
	if got, err := w.m.Look(w.Context()); err != nil || got == accepted {
		w.Fatalf("a look says that %s stands: %v", got, err)
	}
	if w.m.Head() != accepted {
		w.Fatalf("the mirror is at %s, want %s", w.m.Head(), accepted)
	}
}

func TestATagIsFollowedForwardOnly(t *testing.T) {
	_, r, one := repo(t)
	w := newTagging(t, r, Tags{Tag: "stable"})
	if _, err := w.m.Look(t.Context()); !errors.Is(err, source.ErrTagGone) {
		t.Fatalf("a tag that there is not: %v", err)
	}
	w.tag("stable", one)
	two := w.commit()
	w.at("", one)
	w.tag("stable", two, "--annotate", "--message", "two")
	w.at(one, two)
	three := w.commit()
	w.at(two, two) // the branch moved, and the tag did not
	w.tag("stable", one)
	w.held(two)
	w.tag("stable", three)
	w.at(two, three)
	w.git("push", "--delete", "origin", "stable")
	if _, err := w.m.Look(t.Context()); !errors.Is(err, source.ErrTagGone) {
		t.Errorf("a tag that is gone: %v", err)
	}
}

func TestTheHighestVersionOfARangeIsFollowedForwardOnly(t *testing.T) {
	_, r, one := repo(t)
	w := newTagging(t, r, Tags{SemVer: ">=1.2.0 <2.0.0"})
	w.tag("1.1.9", one)
	if _, err := w.m.Look(t.Context()); !errors.Is(err, source.ErrTagGone) {
		t.Fatalf("a range without a version: %v", err)
	}
	w.tag("v1.2.0", one)
	two, three, four := w.commit(), w.commit(), w.commit()
	w.at("", one)
	w.tag("v1.10.0", two)
	w.tag("v1.9.0", three)
	w.tag("v2.0.0", four)
	w.tag("v1.11.0-rc.1", four)
	w.tag("latest", four)
	w.tag("1.20261129", four) // a nightly build's, and no version
	w.at(one, two)            // by version, not by letters or place; and no other range's
	// A version that is put on an earlier commit is none to go to.
	w.tag("v1.99.0", one)
	w.at(two, two)
	w.git("push", "--delete", "origin", "v1.10.0", "v1.9.0", "v1.99.0")
	w.held(two)
	w.tag("v1.10.1", four)
	w.at(two, four)
}

// Who may make tags decides when, and the branch decides what.
func TestATagOfWhatTheBranchDoesNotHaveIsNotFollowed(t *testing.T) {
	_, r, one := repo(t)
	w := newTagging(t, r, Tags{SemVer: "1.x"})
	w.tag("1.0.0", one)
	w.at("", one)
	// A commit on a branch of somebody's own, that descends from the head.
	w.git("checkout", "-q", "-b", "feature")
	w.git("commit", "--quiet", "--allow-empty", "--message", "grant everything")
	aside := w.git("rev-parse", "HEAD")
	w.git("checkout", "-q", "main")
	w.tag("1.9.0", aside)
	w.at(one, one)
	// Merged, it is among the branch's ancestors, and its tree was never the branch's.
	two := w.commit()
	w.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
	w.git("push", "origin", "main")
	merge := w.git("rev-parse", "HEAD")
	w.at(one, one)
	w.tag("1.1.0", two)
	w.at(one, two)
	w.tag("1.2.0", merge)
	w.at(two, merge)
	fixed := newTagging(t, r, Tags{Tag: "1.9.0"})
	if got, err := fixed.m.Fetch(t.Context(), one); !errors.Is(err, source.ErrHistoryRewritten) {
		t.Errorf("one tag that the branch does not have: %s, %v", got, err)
	}
}

func TestTagsThatCannotBeFollowedAreRefused(t *testing.T) {
	for _, tags := range []Tags{
		{Tag: "a", SemVer: "1.x"}, {Tag: "refs/tags/a"}, {Tag: "a b"}, {Tag: "-"}, {SemVer: "one"}, {SemVer: ">="},
	} {
		if err := tags.Check(); err == nil && tags.Tag != "-" {
			t.Errorf("%+v may be followed", tags)
		}
	}
	if err := (Tags{SemVer: "^1.2 || 3.x"}).Check(); err != nil {
		t.Error(err)
	}
}

// An idle look walks no history, and a push of the branch costs what is new.
func TestALookAtTagsThatStandWalksNothing(t *testing.T) {
	_, r, one := repo(t)
	w := newTagging(t, r, Tags{Tag: "stable"})
	w.tag("stable", one)
	w.commit()
	w.at("", one)
	w.at(one, one)
	// A kept answer is given without the history: here, there is none to walk.
	empty, named := &objects{}, []string{one}
	if got, err := w.m.picker.pick(empty, w.m.picker.have(), one, named); err != nil || got != one {
		t.Errorf("an idle look walks: %s, %v", got, err)
	}
	if w.m.picker.have() == one {
		t.Error("what the branch has beyond the tag is sent again with each push")
	}
}
