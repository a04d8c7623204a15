package git

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// history is a mirror of one commit and so many on top of it.
func history(t *testing.T, commits int, limits Limits) (m *Mirror, first, head string) {
	t.Helper()
	_, r, first := repo(t)
	head, err := r.InjectHistory(commits)
	if err != nil {
		t.Fatal(err)
	}
	m = mirror(t, r, t.TempDir(), limits)
	if got := fetch(t, m); got != head {
		t.Fatalf("fetched %s, want %s", got, head)
	}
	m.objects.commits = map[string]*commit{}
	return m, first, head
}

// TestAWalkThroughHistoryIsBoundedAndMadeOnce counts the commits that are read. The
// two that are named are looked at each time.
func TestAWalkThroughHistoryIsBoundedAndMadeOnce(t *testing.T) {
	const bound = 50
	m, first, head := history(t, 3*bound, Limits{})
	for range 2 {
		if _, err := m.FollowsWithin(head, first, bound); !errors.Is(err, tree.ErrTooLarge) {
			t.Errorf("beyond the bound: %v", err)
		}
		if read := len(m.objects.commits); read > bound+2 {
			t.Errorf("%d commits were read, want at most %d", read, bound+2)
		}
	}
	for _, c := range []struct {
		newer, older string
		want         bool
	}{{head, first, true}, {first, head, false}} {
		for range 2 {
			if got, err := m.FollowsWithin(c.newer, c.older, 4*bound); err != nil || got != c.want {
				t.Errorf("FollowsWithin(%s, %s) = %v, %v; want %v", c.newer, c.older, got, err, c.want)
			}
		}
	}
	m.objects.commits = map[string]*commit{}
	for _, most := range []int{bound, 4 * bound} {
		_, _ = m.FollowsWithin(head, first, most)
	}
	if read := len(m.objects.commits); read > 2 {
		t.Errorf("%d commits were read for what was answered before", read)
	}
}

func TestTwoCommitsAreOfOneLineWhicheverIsTheOlder(t *testing.T) {
	m, first, head := history(t, near+10, Limits{})
	for _, pair := range [][2]string{{first, head}, {head, first}, {head, head}} {
		if !m.SameLine(pair[0], pair[1]) {
			t.Errorf("%s is not of the line of %s", pair[0], pair[1])
		}
	}
	if m.SameLine(head, strings.Repeat("1", 40)) {
		t.Error("a commit that is not here is of the line")
	}
}

// TestALineThatIsTooLongMayBeAccepted by its name, as any that is not the accepted
// head's.
func TestALineThatIsTooLongMayBeAccepted(t *testing.T) {
	_, r, first := repo(t)
	m := mirror(t, r, t.TempDir(), Limits{History: 20})
	if got := fetch(t, m); got != first {
		t.Fatalf("fetched %s, want %s", got, first)
	}
	head, err := r.InjectHistory(30)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Fetch(t.Context(), ""); !errors.Is(err, source.ErrHistoryRewritten) ||
		!errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("fetch: %v, want %v as it is %v", err, source.ErrHistoryRewritten, tree.ErrTooLarge)
	}
	if got, err := m.Fetch(t.Context(), head); err != nil || got != head {
		t.Errorf("fetched %s, %v; want what was accepted by name", got, err)
	}
}
