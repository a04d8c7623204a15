package render_test

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/plan/render"
)

// hostile is what a stranger may have written wherever a plan repeats him.
const hostile = "a\x1b[2J\u202e\nplan: no changes\n\n</details><!-- x --><img src=x>`` | @all *b* [c](d) # e"

// strange is a plan in which everything is hostile.
func strange() *plan.Plan {
	on := plan.Clusters{Title: hostile, Count: 2, Names: []string{hostile, hostile + "2"}}
	object := plan.Object{Group: hostile, Kind: hostile, Namespace: hostile, Name: hostile}
	problem := plan.Problem{File: hostile, Line: 3, Placement: hostile, Problem: hostile, Hint: hostile}
	revision := plan.Revision{Name: hostile, Commit: "0123456789abcdef0123"}
	return &plan.Plan{
		Format: plan.Format, Base: revision, Head: revision, Notes: []string{hostile},
		Blockers: []plan.Problem{problem}, Known: []plan.Problem{problem},
		Fleet:        []plan.FleetChange{{Field: hostile, Change: hostile}},
		ClusterFiles: []plan.ClusterChange{{On: on, Change: hostile}},
		Grants: []plan.Grants{{On: on, Changes: []plan.Grant{{
			Change: plan.Moved, Placement: hostile, From: hostile, Object: object, Fields: []string{hostile}, Stub: hostile,
			Because: []plan.Cause{{Path: plan.ByBuild, Files: []string{hostile}, What: hostile}},
		}}}},
		MissingLocks: []plan.Missing{{On: on, Placement: hostile, Object: object, Fields: []string{hostile}, Stub: hostile,
			Problem: hostile, Hint: hostile}},
		Deliveries: []plan.Delivery{{Change: plan.Changed, Placement: hostile, On: on, Before: hostile, After: "x",
			Restarts: []plan.Object{object}, Waits: []string{hostile},
			Prune: &plan.Prune{Leaving: 1, Of: 2, Stays: hostile, Kept: 1, KeptFor: hostile},
			Ends:  hostile, Settings: []string{hostile}, Objects: []plan.ObjectChange{{
				Change: plan.Removed, Object: object, Other: hostile, Fields: []string{hostile}, Stub: hostile,
			}}}},
	}
}

// TestWhatAStrangerWroteStaysInItsLine: a line of his own would say of a plan what the
// plan does not.
func TestWhatAStrangerWroteStaysInItsLine(t *testing.T) {
	for _, width := range []int{0, 60} {
		var out bytes.Buffer
		if err := render.Text(printable.Writer(&out), strange(), render.TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\nplan: no changes") {
			t.Errorf("a line is a stranger's:\n%s", out.String())
		}
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%q is written", r)
			}
		}
	}
}

// TestOnlyAPlansOwnColoursAreWritten: what paints cannot be told from what repaints.
func TestOnlyAPlansOwnColoursAreWritten(t *testing.T) {
	var out bytes.Buffer
	if err := render.Text(printable.Writer(&out), strange(), render.TextOptions{Colour: true}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, c := range []printable.Colour{printable.Bold, printable.Red, printable.Green, printable.Yellow} {
		text = strings.ReplaceAll(text, "\x1b["+string(c)+"m", "")
	}
	text = strings.ReplaceAll(text, "\x1b[0m", "")
	if text == out.String() || strings.ContainsRune(text, '\x1b') {
		t.Errorf("colours: %q", text)
	}
}

// TestTheVerdictSaysWhatCannotBeTakenBackFirst: who reads one line reads that.
func TestTheVerdictSaysWhatCannotBeTakenBackFirst(t *testing.T) {
	for want, p := range map[string]*plan.Plan{
		"no changes": {},
		"3,000 clusters gain 1 secret; 2 objects added": {
			Summary: plan.Summary{ClustersGaining: 3000, SecretsGained: 1, ObjectsAdded: 2}},
		"blocked by 1 problem; 1 cluster loses 2 secrets; 1 secret moved": {
			Summary: plan.Summary{Blockers: 1, ClustersLosing: 1, SecretsLost: 2, SecretsMoved: 1}},
		"2 placements end at another time, or never": {Summary: plan.Summary{EndsMoved: 2}},
		"3 cluster files change": {ClusterFiles: []plan.ClusterChange{{On: plan.Clusters{Count: 2}},
			{On: plan.Clusters{Count: 1}}}},
		"settings change, and nothing that is granted or built": {Deliveries: []plan.Delivery{{Settings: []string{"wait"}}}},
	} {
		if got := render.Verdict(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// full takes so many writes.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room--; f.room < 0 {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

// TestHalfAPlanIsAnError: on a full disk, the part that fits says less than the plan.
func TestHalfAPlanIsAnError(t *testing.T) {
	for _, room := range []int{0, 1, 10} {
		out := printable.Writer(&full{room})
		if err := render.Text(out, strange(), render.TextOptions{}); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("room for %d: %v", room, err)
		}
	}
}

// TestWhatStaysIsSaid: and that values go all the same.
func TestWhatStaysIsSaid(t *testing.T) {
	for want, prune := range map[string]plan.Prune{
		"what is removed stays: W":                               {Leaving: 2, Of: 3, Stays: "W"},
		"what is plain stays: W; what was sealed goes: 1 object": {Leaving: 2, Of: 3, Stays: "W", Sealed: 1},
		"2 objects of that stay until it is mended: W":           {Leaving: 2, Of: 3, Kept: 2, KeptFor: "W"},
		"1 of 3 placements leave; the guard lets 50% go, and 1 placement at any rate": {
			Leaving: 1, Of: 3, MaxShare: 50, Free: 1},
	} {
		p := &plan.Plan{Deliveries: []plan.Delivery{{Change: plan.Removed, Placement: "shop", Prune: &prune}}}
		var out bytes.Buffer
		if err := render.Text(&out, p, render.TextOptions{}); err != nil || !strings.Contains(out.String(), want+"\n") {
			t.Errorf("%v, and no %q in\n%s", err, want, out.String())
		}
	}
}
