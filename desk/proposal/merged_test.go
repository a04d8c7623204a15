package proposal_test

import (
	"slices"
	"testing"
)

// TestWhetherABranchIsMerged: by a merge, a fast-forward, a squash, a rebase; and not where
// somebody merged something else.
func TestWhetherABranchIsMerged(t *testing.T) {
	for name, merge := range map[string]func(w *world, commit string) string{
		"fast-forward": func(w *world, commit string) string { w.in("merge", "--quiet", "--ff-only", commit); return commit },
		"merge": func(w *world, commit string) string {
			w.in("merge", "--quiet", "--no-ff", "--no-edit", commit)
			return w.head()
		},
		"squash": func(w *world, commit string) string {
			w.in("merge", "--quiet", "--squash", commit)
			w.in("commit", "--quiet", "--message", "squashed")
			return w.head()
		},
		"rebase": func(w *world, commit string) string { w.in("cherry-pick", commit); return w.head() },
		"none":   func(*world, string) string { return "" },
		"other": func(w *world, commit string) string {
			w.in("cherry-pick", "--no-commit", commit)
			w.in("rm", "--quiet", "-f", ":(glob)**/apps/new.yaml")
			w.in("commit", "--quiet", "--message", "half of it")
			return ""
		},
	} {
		for _, folder := range []string{"", "fleets/acme"} {
			w := begin(t, folder)
			commit := w.commit(map[string][]byte{"apps/pay/db.yaml": []byte("new\n"), "apps/new.yaml": []byte("new\n")})
			if name != "fast-forward" {
				w.in("commit", "--quiet", "--allow-empty", "--message", "between")
			}
			want := merge(w, commit)
			w.in("commit", "--quiet", "--allow-empty", "--message", "later")
			got, err := w.Merged(t.Context(), commit, w.head())
			if err != nil || got != want {
				t.Errorf("%s in %q: %q, want %q: %v", name, folder, got, want, err)
			}
			paths, err := w.Changed(t.Context(), commit, w.head())
			if slices.Sort(paths); err != nil || !slices.Equal(paths, []string{"apps/new.yaml", "apps/pay/db.yaml"}) {
				t.Errorf("%s in %q: %q, %v", name, folder, paths, err)
			}
		}
	}
}
