package protocol

import (
	"errors"
	"regexp"
	"strings"
)

// Pattern is names of clusters: one name, or a name with one "*" in it, which stands
// for one character or more of a name.
type Pattern string

var patternShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*\*[a-z0-9-]*$`)

// Check reports what is wrong with a pattern. A "*" at the front is refused: whoever
// holds such a token could take any name of the fleet.
func (p Pattern) Check() error {
	switch stars := strings.Count(string(p), "*"); {
	case stars == 0 && !clusterName.MatchString(string(p)):
		return errors.New("not a name: lower-case letters, digits and '-', at most 63")
	case stars == 0:
		return nil
	case stars > 1:
		return errors.New(`more than one "*": write one, as in shop-*`)
	case strings.HasPrefix(string(p), "*"):
		return errors.New(`a "*" at the front would take any name: begin with what the names have in common, as in shop-*`)
	case len(p) > 63 || !patternShape.MatchString(string(p)) || strings.HasSuffix(string(p), "-"):
		return errors.New(`not the pattern of a name: lower-case letters, digits, '-' and one "*", at most 63, as in shop-*`)
	}
	return nil
}

// IsOne says whether it is one name.
func (p Pattern) IsOne() bool { return !strings.Contains(string(p), "*") }

// Admits says whether it stands for a name.
func (p Pattern) Admits(name string) bool {
	before, after, many := strings.Cut(string(p), "*")
	if !many {
		return name == before
	}
	return clusterName.MatchString(name) && len(name) > len(before)+len(after) &&
		strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}
