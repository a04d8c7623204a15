package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/plan"
)

// Marker begins every comment: who posts it finds the one of before, and edits that.
const Marker = "<!-- bulla plan -->"

// Budget is how many characters a comment may have: GitHub takes no more, and the others
// take as many.
const Budget = 65_536

// mostValue is how many characters of one value are shown: a line of a file can be as
// long as the file.
const mostValue = 300

// Markdown writes a plan as a comment on a pull request: the marker, the verdict, what
// blocks, grants, removals, missing locks, and then details, folded; both commits and the
// version of the program at the foot. What does not fit into the budget is left out
// before it is written, with a word of how much that is.
func Markdown(w io.Writer, p *plan.Plan, version string) error { return Comment(w, p, version, Marker) }

// Comment is [Markdown] that begins with another marker, which is not a stranger's.
func Comment(w io.Writer, p *plan.Plan, version, marker string) error {
	b := &budget{left: Budget}
	foot := "\n---\n" + code(p.Base.Name) + " " + code(short(p.Base.Commit)) + " → " + code(p.Head.Name) + " " +
		code(short(p.Head.Commit)) + " · bulla " + code(version) + "\n"
	b.left -= utf8.RuneCountInString(foot) + mostLeftOut
	b.line(marker)
	b.line("**bulla plan**: " + Verdict(p))
	for _, note := range p.Notes {
		b.line("\n> " + code(note))
	}
	markdownProblems(b, "Blocked", p.Blockers)
	markdownFleet(b, p)
	markdownGrants(b, p.Grants)
	markdownRemovals(b, p.Deliveries)
	markdownMissing(b, p.MissingLocks)
	markdownReturns(b, p.Returns)
	markdownDetails(b, p.Deliveries)
	markdownDue(b, p.KeysDue)
	markdownProblems(b, "Wrong before already", p.Known)
	if b.leftOut > 0 {
		b.text.WriteString(fmt.Sprintf("\n**%s left out here**: `bulla plan` prints all.\n", count(b.leftOut, "line")))
	}
	_, err := io.WriteString(w, b.text.String()+foot)
	return err
}

// Failed is a comment in the place of a plan that could not be made: the one of before
// says what is no longer so.
func Failed(why, hint, version, marker string) string {
	return marker + "\n**bulla plan**: there is none: " + code(why) + "\n\nhint: " + code(hint) + "\n\n---\nbulla " +
		code(version) + "\n"
}

// mostLeftOut is room for the word of what is left out.
const mostLeftOut = 100

// budget takes lines for as long as there is room.
type budget struct {
	text    strings.Builder
	left    int
	leftOut int
}

// line takes one line, and reports whether there was room. What comes after one that was
// left out is left out too: a list with holes would look whole.
func (b *budget) line(text string) bool {
	n := utf8.RuneCountInString(text) + 1
	if b.leftOut > 0 || n > b.left {
		b.leftOut++
		return false
	}
	b.left -= n
	b.text.WriteString(text + "\n")
	return true
}

// details takes lines behind a fold, which is closed whatever was left out.
func (b *budget) details(summary string, lines []string) {
	open, closed := "\n<details><summary>"+summary+"</summary>\n", "\n</details>"
	room := utf8.RuneCountInString(closed) + 1
	b.left -= room
	is := b.line(open)
	for _, line := range lines {
		b.line(line)
	}
	b.left += room
	if is {
		b.left -= room
		b.text.WriteString(closed + "\n")
	}
}

// code is a code span that holds a stranger's text, whatever is in it: no mark of
// Markdown, no HTML, no mention and no command of a forge means anything there. The
// fence is longer than every row of backticks in it, and there is no line break.
func code(text string) string {
	text = clipped(text)
	longest, run := 0, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if text == "" || strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

func markdownProblems(b *budget, heading string, all []plan.Problem) {
	if len(all) == 0 {
		return
	}
	b.line("\n### " + heading + "\n")
	for _, p := range all {
		b.line("- " + code(problemWords(p)) + ", hint: " + code(p.Hint))
	}
}

func markdownFleet(b *budget, p *plan.Plan) {
	if len(p.Fleet)+len(p.ClusterFiles)+len(p.Waves) == 0 {
		return
	}
	b.line("\n### Fleet\n")
	for _, c := range p.Fleet {
		b.line("- `fleet.yaml`: " + code(c.Field+": "+c.Change))
	}
	for _, c := range p.ClusterFiles {
		b.line("- " + code(title(c.On)) + ": " + code(c.Change))
	}
	for _, w := range p.Waves {
		b.line("- " + code(waveWords(w)))
	}
}

func markdownReturns(b *budget, all []plan.Return) {
	if len(all) == 0 {
		return
	}
	b.line("\n### Back from history\n")
	for _, r := range all {
		b.line("- " + code(returnWords(r)) + ", hint: " + returnHint)
	}
}

func markdownDue(b *budget, all []plan.KeyDue) {
	if len(all) == 0 {
		return
	}
	b.line("\n### Keys due\n")
	for _, k := range all {
		b.line("- " + code(dueWords(k)) + ", hint: " + code(k.Hint))
	}
}

func markdownGrants(b *budget, all []plan.Grants) {
	if len(all) == 0 {
		return
	}
	b.line("\n### Grants\n")
	for _, g := range all {
		b.line("- " + code(title(g.On)))
		for _, c := range g.Changes {
			b.line("  - **" + sign(c.Change) + "** " + code(grantWords(c)+" "+c.Object.String()+" "+
				strings.Join(c.Fields, " ")+" of "+c.Placement))
			for _, cause := range c.Because {
				b.line("    - by " + code(because(cause)))
			}
		}
	}
}

func markdownRemovals(b *budget, all []plan.Delivery) {
	var lines []string
	for _, d := range all {
		n := 0
		for _, o := range d.Objects {
			if o.Change == plan.Removed {
				n++
			}
		}
		if n > 0 {
			line := "- " + code(d.Placement) + " on " + code(title(d.On)) + ": " + count(n, "object")
			if d.Prune != nil {
				line += ", " + code(pruneWords(d))
			}
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return
	}
	b.line("\n### Removed\n")
	for _, line := range lines {
		b.line(line)
	}
}

func markdownMissing(b *budget, all []plan.Missing) {
	if len(all) == 0 {
		return
	}
	b.line("\n### Placed, and not to be opened\n")
	for _, m := range all {
		b.line("- " + code(missingWords(m)) + " on " + code(title(m.On)) + ", hint: " + code(m.Hint))
	}
}

func markdownDetails(b *budget, all []plan.Delivery) {
	for _, d := range all {
		var lines []string
		for _, aside := range asides(d) {
			lines = append(lines, "- "+code(aside))
		}
		for _, o := range d.Objects {
			lines = append(lines, "- **"+sign(o.Change)+"** "+code(objectWords(o)))
		}
		// Markdown is not read in a summary: what stands there is HTML.
		b.details(html(placementWords(d)+" on "+title(d.On)), lines)
	}
}

// html is a stranger's text in HTML, in an element where forges read no mentions.
func html(text string) string { return "<code>" + escapeHTML.Replace(clipped(text)) + "</code>" }

// clipped is a value in one line, and no longer than one is shown.
func clipped(text string) string {
	text = printable.Name(text)
	if cut := []rune(text); len(cut) > mostValue {
		return string(cut[:mostValue]) + "…"
	}
	return text
}

// escapeHTML escapes Markdown's marks too: GitHub reads those between inline elements.
var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;", "`", "&#96;",
	"*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "|", "&#124;", "\\", "&#92;", "@", "&#64;", "!", "&#33;",
	"~", "&#126;", "#", "&#35;", "$", "&#36;", ":", "&#58;")
