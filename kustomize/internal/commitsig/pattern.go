package commitsig

import "strings"

// matchList says whether a name matches a list of patterns, ssh_config(5)
// PATTERNS: separated by commas, '*' and '?' as wildcards, and '!' before one
// that must not match.
func matchList(name, patterns string) bool {
	matched := false
	for pattern := range strings.SplitSeq(patterns, ",") {
		positive, negated := strings.CutPrefix(pattern, "!")
		if !matchPattern(name, positive) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// matchPattern goes back to the last '*' only, so that no pattern costs more
// than the product of both lengths.
func matchPattern(name, pattern string) bool {
	n, p, star, from := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			n, p = n+1, p+1
		case star >= 0:
			from++
			n, p = from, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
