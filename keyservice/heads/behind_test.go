package heads

import (
	"context"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// acceptedRows is a store in which one head was accepted before.
type acceptedRows struct {
	noRows
	hash  string
	asked *int
}

func (r acceptedRows) WasBefore(_ context.Context, _, _, hash, _ string) (bool, error) {
	*r.asked++
	return hash == r.hash, nil
}

// TestAnOldRevisionIsNoExpensiveQuestion: every cluster asks by the revision that it
// is at, or says that it is at.
func TestAnOldRevisionIsNoExpensiveQuestion(t *testing.T) {
	repo, err := gitserver.ForTest(t).NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	old, err := repo.Commit("first", map[string]*string{"fleet.yaml": new(string)})
	if err != nil {
		t.Fatal(err)
	}
	tip, err := repo.InjectHistory(nearHistory + 2)
	if err != nil {
		t.Fatal(err)
	}
	mirror, err := git.Open(t.TempDir(), repo.URL(), "main", git.Auth{Username: repo.Username, Password: repo.Password}, git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Fetch(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	commits, err := mirror.History(t.Context(), tip, old)
	if err != nil {
		t.Fatal(err)
	}
	asked, current := 0, commits[1]
	h := New(Options{Rule: &follow.Rule{Source: mirror}, Rows: acceptedRows{hash: strings.Repeat("a", 40), asked: &asked}})
	h.current.Store(&Head{Hash: current})
	for _, c := range []struct {
		what, revision string
		want           bool
		asked          int
	}{
		{"the head in use", current, true, 0},
		{"a head of before, which the mirror does not hold", strings.Repeat("a", 40), true, 1},
		{"what was pushed with a head", commits[5], true, 1},
		{"the oldest that is walked to", commits[nearHistory+1], true, 1},
		{"an older one", old, false, 1},
		{"what was fetched and is not accepted yet", tip, false, 1},
		{"none", strings.Repeat("1", 40), false, 1},
	} {
		asked = 0
		if got := h.isBehind(t.Context(), c.revision); got != c.want || asked != c.asked {
			t.Errorf("%s: behind %v, %d rows asked for; want %v, %d", c.what, got, asked, c.want, c.asked)
		}
	}
}
