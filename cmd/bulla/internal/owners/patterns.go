package owners

import (
	"regexp"
	"strings"

	"github.com/hmarr/codeowners"
)

// section is one of GitLab's: the rules under one heading, of which the last that fits
// counts. What stands before the first heading is one too.
type section struct {
	name string
	// optional ones ask, and wait for nobody.
	optional bool
	// standing owners are those of rules that name none.
	standing []codeowners.Owner
	rules    codeowners.Ruleset
}

// heading is "[Name][2] @owner", with ^ before it where it is optional.
var heading = regexp.MustCompile(`^(\^?)\[([^\]]+)\](?:\[\d+\])?(.*)$`)

func readSections(data []byte, headings bool) []*section {
	now := &section{}
	all := []*section{now}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if m := heading.FindStringSubmatch(line); headings && m != nil {
			now = named(&all, m[2])
			now.optional = m[1] != ""
			now.standing = nil
			if rule, ok := parseRule("* " + m[3]); ok {
				now.standing = rule.Owners
			}
			continue
		}
		excludes := false
		if headings {
			line, excludes = strings.CutPrefix(line, "!")
		}
		rule, ok := parseRule(line)
		if !ok {
			continue
		}
		if len(rule.Owners) == 0 {
			rule.Owners = now.standing
		}
		if excludes {
			rule.Owners = nil
		}
		now.rules = append(now.rules, rule)
	}
	return all
}

// named is the section of that name: GitLab joins those that are called alike.
func named(all *[]*section, name string) *section {
	for _, one := range *all {
		if strings.EqualFold(one.name, name) {
			return one
		}
	}
	one := &section{name: name}
	*all = append(*all, one)
	return one
}

// parseRule reads a line. One that cannot be read, by the pattern or by an owner, is
// passed over, as forges do.
func parseRule(line string) (codeowners.Rule, bool) {
	rules, err := codeowners.ParseFile(strings.NewReader(line), codeowners.WithOwnerMatchers(
		[]codeowners.OwnerMatcher{codeowners.OwnerMatchFunc(owner)}))
	if err != nil || len(rules) != 1 || rules[0].RawPattern() == "/" { // which fits nothing, and the library panics over
		return codeowners.Rule{}, false
	}
	rule := rules[0]
	for _, o := range rule.Owners {
		if o.Value == Placeholder {
			rule.Owners = nil
			break
		}
	}
	return rule, true
}

func owner(s string) (codeowners.Owner, error) {
	if !IsOwner(s) {
		return codeowners.Owner{}, codeowners.ErrNoMatch
	}
	return codeowners.Owner{Value: s}, nil
}

func ownedByPattern(sections []*section, file string) bool {
	for _, one := range sections {
		rule, err := one.rules.Match(file)
		if err == nil && rule != nil && len(rule.Owners) > 0 && !one.optional {
			return true
		}
	}
	return false
}
