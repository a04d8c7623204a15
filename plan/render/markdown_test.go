package render_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/plan/render"
)

func markdown(t *testing.T, p *plan.Plan) string {
	t.Helper()
	var out bytes.Buffer
	if err := render.Markdown(&out, p, "1.0"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// spans takes the code spans off a line as CommonMark (6.1) reads them: what is left is
// what means something.
func spans(line string) string {
	var rest strings.Builder
	for line != "" {
		at := strings.IndexByte(line, '`')
		if at < 0 {
			break
		}
		rest.WriteString(line[:at])
		fence := line[at : len(line)-len(strings.TrimLeft(line[at:], "`"))]
		line = line[at+len(fence):]
		end := closing(line, fence)
		if end < 0 {
			rest.WriteString("UNCLOSED" + fence)
			continue
		}
		line = line[end+len(fence):]
	}
	return rest.String() + line
}

func closing(line, fence string) int {
	for at := 0; at < len(line); {
		if line[at] != '`' {
			at++
			continue
		}
		run := len(line[at:]) - len(strings.TrimLeft(line[at:], "`"))
		if run == len(fence) {
			return at
		}
		at += run
	}
	return -1
}

// known is all that may stand outside of code spans and of HTML's escapes.
var known = regexp.MustCompile(`^[A-Za-z0-9 ,.:;&#*+>~→·/()=…-]*$`)

// TestACommentSaysNothingOfAStrangers: no link, no image, no mention, no command of a
// forge, no end of a fold comes from a name in the branch.
func TestACommentSaysNothingOfAStrangers(t *testing.T) {
	text := markdown(t, strange())
	if !strings.HasPrefix(text, render.Marker+"\n**bulla plan**: ") {
		t.Errorf("it begins with %q", text[:60])
	}
	for i, line := range strings.Split(text, "\n") {
		if i == 0 {
			continue
		}
		left := spans(line)
		for _, own := range []string{"<details><summary><code>", "</code></summary>", "</details>"} {
			left = strings.ReplaceAll(left, own, "")
		}
		if strings.Contains(line, "<summary>") {
			left = strings.NewReplacer("\\", "").Replace(left)
		}
		if !known.MatchString(left) {
			t.Errorf("line %d: outside of code stands %q\n%s", i, left, line)
		}
	}
	opened, closed := strings.Count(text, "<details>"), strings.Count(text, "\n</details>\n")
	if opened == 0 || opened != closed {
		t.Errorf("%d folds are opened, and %d closed", opened, closed)
	}
}

// TestACommentFitsWhateverTheChange: a forge that refuses it leaves the one of before,
// which says something else.
func TestACommentFitsWhateverTheChange(t *testing.T) {
	p := &plan.Plan{Base: plan.Revision{Name: "main", Commit: "1111"}, Head: plan.Revision{Name: "HEAD", Commit: "2222"}}
	for i := range 2000 {
		name := fmt.Sprint("app", i)
		on := plan.Clusters{Title: "set/stores", Count: 2, Names: []string{"one", "two"}}
		object := plan.Object{Kind: "Secret", Namespace: name, Name: strings.Repeat("x", i)}
		p.Deliveries = append(p.Deliveries, plan.Delivery{Change: plan.Changed, Placement: name, On: on,
			Objects: []plan.ObjectChange{{Change: plan.Changed, Object: object}}})
		if i%400 != 0 && i < 1990 {
			continue
		}
		text := markdown(t, p)
		if n := utf8.RuneCountInString(text); n > render.Budget {
			t.Fatalf("%d characters for %d placements", n, i)
		}
		if strings.Count(text, "<details>") != strings.Count(text, "</details>") {
			t.Errorf("%d placements: a fold is not closed", i)
		}
		if !strings.HasSuffix(text, "`main` `1111` → `HEAD` `2222` · bulla `1.0`\n") {
			t.Errorf("%d placements: the foot is missing", i)
		}
		if left := strings.Contains(text, "left out here"); left != (i > 1000) && i != 400 && i != 800 {
			t.Errorf("%d placements: it says that something is left out: %v", i, left)
		}
	}
}

// TestNoChangesIsACommentToo: it takes the place of one that said otherwise.
func TestNoChangesIsACommentToo(t *testing.T) {
	text := markdown(t, &plan.Plan{
		Base: plan.Revision{Name: "main", Commit: "1"}, Head: plan.Revision{Name: "HEAD", Commit: "2"},
	})
	want := render.Marker + "\n**bulla plan**: no changes\n\n---\n`main` `1` → `HEAD` `2` · bulla `1.0`\n"
	if text != want {
		t.Errorf("%q, want %q", text, want)
	}
}
