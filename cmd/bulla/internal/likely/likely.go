// Package likely finds what is likely a secret in a text, by the rules of gitleaks
// (https://github.com/gitleaks/gitleaks, MIT License; gitleaks.json is its default
// configuration). The rules are kept by people who do nothing else; the engine that
// reads them is small, and the library would bring eighty modules with it.
//
// Nothing that is returned holds a part of the text: where it is, and which rule.
package likely

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
)

// Find is a place in a text that looks like a secret.
type Find struct {
	// Line and Column count from 1; the column in bytes.
	Line, Column int
	// Rule is the id that gitleaks gives it.
	Rule string
}

// allowed is how gitleaks marks a line that somebody looked at.
const allowed = "gitleaks:allow"

// Most is how many places of one text are returned.
const Most = 5

const (
	// longest line that is looked at, in bytes: what people write is shorter, and what a
	// program wrote in one line takes time for each of its matches.
	longest = 16 << 10
	// ofText and ofRun bound the work, in bytes that a rule reads: some hundred rules read
	// a text that has all their keywords, and a pull request of a stranger is full of them.
	ofText, ofRun = 8 << 20, 64 << 20
)

// Search is one run over many texts. It is not safe for concurrent use.
type Search struct{ left int }

// New begins a run.
func New() *Search { return &Search{left: ofRun} }

// Spent says that the run has had its work, and looks at nothing more.
func (s *Search) Spent() bool { return s.left <= 0 }

// Result is what was found in a text, and what was not looked at.
type Result struct {
	Finds []Find
	// More says that there are more than Most.
	More bool
	// Long is the first line that is too long to be looked at, 0 for none.
	Long int
	// Cut says that not every rule had its turn.
	Cut bool
}

// In looks through a text. What is not text has nothing in it.
func (s *Search) In(ctx context.Context, path string, text []byte) (of Result) {
	if bytes.IndexByte(text, 0) >= 0 || all().allow.hasPath(path) {
		return of
	}
	m := &meter{ctx: ctx, left: min(s.left, ofText)}
	before := m.left
	defer func() { s.left -= before - max(m.left, 0) }()
	if of.Cut = !m.pay(2 * len(text)); of.Cut { // all keywords are looked for, which is cheap for each
		return of
	}
	short, long := withoutLong(text)
	of.Long = long
	var found []Find
	lower := strings.ToLower(short)
	for _, r := range all().rules {
		if len(found) > Most || !r.mayBeIn(path, lower) {
			continue
		}
		if of.Cut = !m.pay(len(short)); of.Cut {
			break
		}
		if r.ID == general {
			found = first(append(found, r.in(r.worth(short), m)...))
		} else {
			found = first(append(found, r.in(short, m)...))
		}
		of.Cut = m.left <= 0
	}
	of.More = len(found) > Most
	of.Finds = found[:min(len(found), Most)]
	return of
}

// meter is the work that a text may still cost.
type meter struct {
	ctx  context.Context //nolint:containedctx // of one call
	left int
}

func (m *meter) pay(bytes int) bool {
	if m.ctx.Err() != nil {
		m.left = 0
	}
	m.left -= bytes
	return m.left > 0
}

// withoutLong empties long lines, and says which is the first.
func withoutLong(text []byte) (short string, line int) {
	var b strings.Builder
	n := 0
	for one := range bytes.Lines(text) {
		n++
		switch {
		case len(one) <= longest:
			b.Write(one)
			continue
		case line == 0:
			line = n
		}
		b.WriteByte('\n')
	}
	return b.String(), line
}

// worth is the text with its other lines emptied: those with a keyword, and with what
// the rule wants of a secret that is no word. The rule is general and its expression
// dear: on a whole fleet it took most of the time.
func (r *rule) worth(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		lower := strings.ToLower(line)
		if strings.ContainsAny(line, "0123456789=") &&
			slices.ContainsFunc(r.Keywords, func(word string) bool { return strings.Contains(lower, word) }) {
			b.WriteString(line)
		} else if strings.HasSuffix(line, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// first keeps one find of a line: several rules see one secret, the sharpest before
// the general one.
func first(found []Find) []Find {
	var kept []Find
	lines := map[int]int{}
	for _, f := range found {
		i, seen := lines[f.Line]
		switch {
		case !seen:
			lines[f.Line] = len(kept)
			kept = append(kept, f)
		case kept[i].Rule == general:
			kept[i] = f
		}
	}
	return kept
}

// general is the rule that knows no service.
const general = "generic-api-key"

// in returns at most one find of a line, and of one line more than are told.
func (r *rule) in(text string, m *meter) []Find {
	var found []Find
	counted, line := 0, 1
	for _, at := range r.pattern().FindAllStringSubmatchIndex(text, -1) {
		from, to := r.secret(at)
		line += strings.Count(text[counted:from], "\n")
		counted = from
		if n := len(found); n > 0 && found[n-1].Line == line {
			continue
		}
		secret, match := text[from:to], text[at[0]:at[1]]
		around := lineAround(text, at[0], at[1])
		if !m.pay(len(around)) {
			break
		}
		if entropy(secret) <= r.Entropy && r.Entropy > 0 || strings.Contains(around, allowed) ||
			all().allow.has(secret, secret, secret) || r.allows(secret, match, around) {
			continue
		}
		found = append(found, Find{Line: line, Column: from - strings.LastIndex(text[:from], "\n"), Rule: r.ID})
		if len(found) > Most {
			break
		}
	}
	return found
}

// secret is where the secret itself is in a match: the group that the rule names, or
// the first that matched, or all of it.
func (r *rule) secret(at []int) (from, to int) {
	if g := 2 * r.SecretGroup; r.SecretGroup > 0 && g+1 < len(at) && at[g] >= 0 {
		return at[g], at[g+1]
	}
	for g := 2; r.SecretGroup == 0 && g+1 < len(at); g += 2 {
		if at[g] >= 0 && at[g+1] > at[g] {
			return at[g], at[g+1]
		}
	}
	return at[0], at[1]
}

func lineAround(text string, from, to int) string {
	start := strings.LastIndex(text[:from], "\n") + 1
	end := strings.Index(text[to:], "\n")
	if end < 0 {
		return text[start:]
	}
	return text[start : to+end]
}

// entropy is Shannon's, in bits for each character.
func entropy(text string) float64 {
	counts := map[rune]int{}
	length := 0
	for _, r := range text {
		counts[r]++
		length++
	}
	bits := 0.0
	for _, n := range counts {
		p := float64(n) / float64(length)
		bits -= p * math.Log2(p)
	}
	return bits
}
