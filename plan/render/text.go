package render

import (
	"io"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/plan"
)

// TextOptions say where a text goes.
type TextOptions struct {
	// Width in columns to break lines at; 0 for never.
	Width int
	// Colour paints what comes and goes.
	Colour bool
}

// Text writes a plan for people. The error is the writer's: half a plan is none.
func Text(w io.Writer, p *plan.Plan, o TextOptions) error {
	t := &text{w: w, TextOptions: o}
	t.line(printable.Bold, 0, "plan: "+Verdict(p))
	t.line(printable.Plain, 0, "from "+p.Base.Name+" ("+short(p.Base.Commit)+") to "+p.Head.Name+" ("+
		short(p.Head.Commit)+")")
	for _, note := range p.Notes {
		t.line(printable.Plain, 0, "note: "+note)
	}
	t.problems("Blocked", printable.Red, p.Blockers)
	t.fleet(p)
	t.grants(p.Grants)
	t.missing(p.MissingLocks)
	t.returns(p.Returns)
	t.deliveries(p.Deliveries)
	t.due(p.KeysDue)
	t.problems("Wrong before already", printable.Plain, p.Known)
	return t.err
}

type text struct {
	TextOptions
	w   io.Writer
	err error
}

func (t *text) fleet(p *plan.Plan) {
	if len(p.Fleet)+len(p.ClusterFiles)+len(p.Waves) == 0 {
		return
	}
	t.heading("Fleet")
	for _, c := range p.Fleet {
		t.line(printable.Yellow, 1, "~ fleet.yaml: "+c.Field+": "+c.Change)
	}
	for _, c := range p.ClusterFiles {
		t.line(printable.Yellow, 1, "~ "+title(c.On)+": "+c.Change)
	}
	for _, w := range p.Waves {
		t.line(printable.Yellow, 1, "~ "+waveWords(w))
	}
}

func (t *text) returns(all []plan.Return) {
	if len(all) == 0 {
		return
	}
	t.heading("Back from history")
	for _, r := range all {
		t.line(printable.Red, 1, "! "+returnWords(r))
		t.line(printable.Plain, 3, "hint: "+returnHint)
	}
}

func (t *text) due(all []plan.KeyDue) {
	if len(all) == 0 {
		return
	}
	t.heading("Keys due")
	for _, k := range all {
		t.line(printable.Plain, 1, dueWords(k))
		t.line(printable.Plain, 3, "hint: "+k.Hint)
	}
}

func (t *text) grants(all []plan.Grants) {
	if len(all) == 0 {
		return
	}
	t.heading("Grants")
	for _, g := range all {
		t.line(printable.Plain, 1, title(g.On))
		for _, c := range g.Changes {
			t.line(colourOf(c.Change), 2, sign(c.Change)+" "+grantWords(c)+" "+c.Object.String()+" "+
				strings.Join(c.Fields, " ")+" of "+c.Placement)
			for _, cause := range c.Because {
				t.line(printable.Plain, 4, "by "+because(cause))
			}
		}
	}
}

func (t *text) missing(all []plan.Missing) {
	if len(all) == 0 {
		return
	}
	t.heading("Placed, and not to be opened")
	for _, m := range all {
		t.line(printable.Red, 1, "! "+missingWords(m))
		t.line(printable.Plain, 3, "on "+title(m.On))
		t.line(printable.Plain, 3, "hint: "+m.Hint)
	}
}

func (t *text) deliveries(all []plan.Delivery) {
	if len(all) == 0 {
		return
	}
	t.heading("Placements")
	for _, d := range all {
		t.line(colourOf(d.Change), 1, sign(d.Change)+" "+placementWords(d)+" on "+title(d.On))
		for _, aside := range asides(d) {
			t.line(printable.Plain, 3, aside)
		}
		for _, o := range d.Objects {
			t.line(colourOf(o.Change), 3, sign(o.Change)+" "+objectWords(o))
		}
	}
}

func (t *text) problems(heading string, colour printable.Colour, all []plan.Problem) {
	if len(all) == 0 {
		return
	}
	t.heading(heading)
	for _, p := range all {
		t.line(colour, 1, "! "+problemWords(p))
		t.line(printable.Plain, 3, "hint: "+p.Hint)
	}
}

func (t *text) heading(words string) {
	t.write("\n")
	t.line(printable.Bold, 0, words+":")
}

func colourOf(c plan.Change) printable.Colour {
	switch sign(c) {
	case "+":
		return printable.Green
	case "-":
		return printable.Red
	}
	return printable.Yellow
}

// line writes one line, and whatever stands in it stays in it: a name with a line break
// would write lines of its own into the plan that is reviewed.
func (t *text) line(colour printable.Colour, indent int, words string) {
	margin := strings.Repeat("  ", indent)
	if !t.Colour {
		colour = printable.Plain
	}
	for i, line := range wrap(printable.Name(words), t.Width-len(margin)-4) {
		if i > 0 {
			line = "    " + line
		}
		if colour == printable.Plain {
			t.write(margin + line)
		} else {
			printable.Paint(t.w, colour, margin+line)
		}
		t.write("\n")
	}
}

// write goes on until the first error, which counts.
func (t *text) write(words string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, printable.Text(words))
	}
}

// wrap breaks a line between words; 0 or less is never.
func wrap(line string, width int) []string {
	const least = 20
	if width < least {
		return []string{line}
	}
	var lines []string
	current, length := "", 0
	for _, word := range strings.Split(line, " ") {
		n := len([]rune(word))
		if length > 0 && length+1+n > width {
			lines, current, length = append(lines, current), "", 0
		}
		if length > 0 {
			current, length = current+" ", length+1
		}
		current, length = current+word, length+n
	}
	return append(lines, current)
}
