// Package likely finds what is likely a secret in a text, by the rules of gitleaks
// (https://github.com/gitleaks/gitleaks, MIT License; gitleaks.json is its default
// configuration). The rules are kept by people who do nothing else; the engine that
// reads them is small, and the library would bring eighty modules with it.
//
// Nothing that is returned holds a part of the text: where it is, and which rule.
package likely

import (
	"bytes"
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

// In looks through a text. What is not text has nothing in it.
func In(path string, text []byte) []Find {
	if bytes.IndexByte(text, 0) >= 0 || all().allow.hasPath(path) {
		return nil
	}
	var found []Find
	lower := strings.ToLower(string(text))
	for _, r := range all().rules {
		switch {
		case !r.mayBeIn(path, lower):
		case r.ID == general:
			found = append(found, r.in(r.worth(string(text)))...)
		default:
			found = append(found, r.in(string(text))...)
		}
	}
	return first(found)
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

func (r *rule) in(text string) []Find {
	var found []Find
	for _, at := range r.pattern().FindAllStringSubmatchIndex(text, -1) {
		from, to := r.secret(at)
		secret, match := text[from:to], text[at[0]:at[1]]
		line := lineAround(text, at[0], at[1])
		if entropy(secret) <= r.Entropy && r.Entropy > 0 || strings.Contains(line, allowed) ||
			all().allow.has(secret, secret, secret) || r.allows(secret, match, line) {
			continue
		}
		before := text[:from]
		found = append(found, Find{
			Line:   strings.Count(before, "\n") + 1,
			Column: len(before) - strings.LastIndex(before, "\n"), Rule: r.ID,
		})
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
