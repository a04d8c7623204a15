package draft

import (
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// Diff is one file's change. Ciphertext is folded: nobody can read it.
type Diff struct {
	File  string
	State string // "new", "changed" or "gone"
	Lines []Line
}

// Line is one line of a diff: Sign is "+", "-" or " ".
type Line struct{ Sign, Text string }

const (
	// mostLines bounds what a page shows of a file.
	mostLines = 400
	// mostCompared bounds what is compared line by line: it takes the square of it.
	mostCompared = 2000
)

// diff is the lines that differ, among those between the first and the last that do, with
// ciphertext folded to one line.
func diff(file string, was, is []byte) Diff {
	d := Diff{File: file, State: "changed"}
	switch {
	case was == nil:
		d.State = "new"
	case is == nil:
		d.State = "gone"
	}
	a, b := folded(was), folded(is)
	top := 0
	for top < len(a) && top < len(b) && a[top] == b[top] {
		top++
	}
	end := 0
	for end < len(a)-top && end < len(b)-top && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	for _, line := range a[max(0, top-3):top] {
		d.Lines = append(d.Lines, Line{" ", line})
	}
	d.Lines = append(d.Lines, between(a[top:len(a)-end], b[top:len(b)-end])...)
	if len(d.Lines) > mostLines {
		d.Lines = append(d.Lines[:mostLines], Line{" ", "…"})
	}
	return d
}

// between tells what stays in the middle of a file from what does not: a line that is
// shown as taken away and given back is one that somebody has to compare.
func between(a, b []string) (lines []Line) {
	put := func(sign string, texts []string) {
		for _, text := range texts {
			lines = append(lines, Line{sign, text})
		}
	}
	if len(a) > mostCompared || len(b) > mostCompared {
		put("-", a)
		put("+", b)
		return lines
	}
	for _, op := range difflib.NewMatcherWithJunk(a, b, false, nil).GetOpCodes() {
		if op.Tag == 'e' {
			put(" ", a[op.I1:op.I2])
			continue
		}
		put("-", a[op.I1:op.I2])
		put("+", b[op.J1:op.J2])
	}
	return lines
}

// folded are the lines of a file. Of ciphertext only the last line before the end of its
// armour is there, shortened: it tells one from another, and nobody can read more of it.
func folded(data []byte) (lines []string) {
	inside := false
	last := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "-----BEGIN AGE"):
			inside, last = true, ""
		case strings.HasPrefix(text, "-----END AGE"):
			inside = false
			lines = append(lines, line[:len(line)-len(text)]+"(ciphertext … "+last[max(0, len(last)-12):]+")")
		case inside:
			last = text
		case strings.Contains(text, "ciphertext: ") && len(text) > 60:
			lines = append(lines, line[:strings.Index(line, "ciphertext: ")]+"ciphertext: "+
				"… "+text[len(text)-12:])
		default:
			lines = append(lines, line)
		}
	}
	return lines
}
