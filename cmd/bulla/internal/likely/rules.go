package likely

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed gitleaks.json
var source []byte

// rule is one of gitleaks', by its names.
type rule struct {
	ID          string      `json:"id"`
	Regex       string      `json:"regex"`
	Keywords    []string    `json:"keywords"`
	Entropy     float64     `json:"entropy"`
	Path        string      `json:"path"`
	SecretGroup int         `json:"secretGroup"`
	Allowlists  []allowlist `json:"allowlists"`

	// compiled once, by whoever needs it first: most rules are of services that a
	// fleet has never heard of.
	compiled, path func() *regexp.Regexp
}

type allowlist struct {
	Paths       []string `json:"paths"`
	Regexes     []string `json:"regexes"`
	RegexTarget string   `json:"regexTarget"`
	Stopwords   []string `json:"stopwords"`
	Condition   string   `json:"condition"`

	regexes, paths func() []*regexp.Regexp
}

type ruleSet struct {
	allow allowlist
	rules []*rule
}

var all = sync.OnceValue(func() *ruleSet {
	var file struct {
		Allowlist allowlist `json:"allowlist"`
		Rules     []*rule   `json:"rules"`
	}
	if err := json.Unmarshal(source, &file); err != nil {
		panic("gitleaks.json: " + err.Error()) // it is a part of the program, and a test reads it
	}
	set := &ruleSet{allow: file.Allowlist, rules: file.Rules}
	set.allow.lazily()
	for _, r := range set.rules {
		r.compiled = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(r.Regex) })
		r.path = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(r.Path) })
		for i := range r.Allowlists {
			r.Allowlists[i].lazily()
		}
	}
	return set
})

func (r *rule) pattern() *regexp.Regexp { return r.compiled() }

// mayBeIn is the cheap question before the dear one.
func (r *rule) mayBeIn(path, lower string) bool {
	return slices.ContainsFunc(r.Keywords, func(word string) bool { return strings.Contains(lower, word) }) &&
		(r.Path == "" || r.path().MatchString(path))
}

func (r *rule) allows(secret, match, line string) bool {
	return slices.ContainsFunc(r.Allowlists, func(a allowlist) bool { return a.has(secret, match, line) })
}

func (a *allowlist) lazily() {
	compile := func(texts []string) func() []*regexp.Regexp {
		return sync.OnceValue(func() []*regexp.Regexp {
			var all []*regexp.Regexp
			for _, text := range texts {
				all = append(all, regexp.MustCompile(text))
			}
			return all
		})
	}
	a.regexes, a.paths = compile(a.Regexes), compile(a.Paths)
}

func (a *allowlist) hasPath(path string) bool { return matches(a.paths(), path) }

// has: the secret is none after all. A list of paths that must hold too is about other
// trees than a fleet's.
func (a *allowlist) has(secret, match, line string) bool {
	if a.Condition == "AND" {
		return false
	}
	target := secret
	switch a.RegexTarget {
	case "match":
		target = match
	case "line":
		target = line
	}
	lower := strings.ToLower(secret)
	return matches(a.regexes(), target) ||
		slices.ContainsFunc(a.Stopwords, func(word string) bool { return strings.Contains(lower, word) })
}

func matches(all []*regexp.Regexp, text string) bool {
	return slices.ContainsFunc(all, func(r *regexp.Regexp) bool { return r.MatchString(text) })
}
