package fleet

import (
	"fmt"
	"slices"
)

// LabelSelector selects by labels, as the one of Kubernetes does: what it names
// must all hold.
type LabelSelector struct {
	MatchLabels      map[string]string          `json:"matchLabels,omitempty"`
	MatchExpressions []LabelSelectorRequirement `json:"matchExpressions,omitempty"`
}

// LabelSelectorRequirement is one demand on one label.
type LabelSelectorRequirement struct {
	Key      string           `json:"key"`
	Operator SelectorOperator `json:"operator"`
	// Values belong to In and NotIn alone.
	Values []string `json:"values,omitempty"`
}

// SelectorOperator says how a label is compared.
type SelectorOperator string

// The operators of a selector.
const (
	SelectorIn           SelectorOperator = "In"
	SelectorNotIn        SelectorOperator = "NotIn"
	SelectorExists       SelectorOperator = "Exists"
	SelectorDoesNotExist SelectorOperator = "DoesNotExist"
)

// Matches reports whether labels meet the selector. One that is empty, or that
// [ParseClusterSet] would refuse, meets nothing: to grant to nobody is the
// mistake that does no harm.
func (s LabelSelector) Matches(labels map[string]string) bool {
	if len(s.MatchLabels)+len(s.MatchExpressions) == 0 || len(s.problems()) > 0 {
		return false
	}
	for key, want := range s.MatchLabels {
		if value, ok := labels[key]; !ok || value != want {
			return false
		}
	}
	return !slices.ContainsFunc(s.MatchExpressions, func(r LabelSelectorRequirement) bool { return !r.matches(labels) })
}

// matches: a label that is missing is not in any list.
func (r LabelSelectorRequirement) matches(labels map[string]string) bool {
	value, ok := labels[r.Key]
	switch r.Operator {
	case SelectorIn:
		return ok && slices.Contains(r.Values, value)
	case SelectorNotIn:
		return !ok || !slices.Contains(r.Values, value)
	case SelectorExists:
		return ok
	case SelectorDoesNotExist:
		return !ok
	}
	return false
}

// problems says what of a selector Kubernetes would refuse.
func (s LabelSelector) problems() []string {
	var found []string
	for key, value := range s.MatchLabels {
		found = append(found, labelProblems(key, value)...)
	}
	slices.Sort(found)
	for _, r := range s.MatchExpressions {
		found = append(found, r.problems()...)
	}
	return found
}

func (r LabelSelectorRequirement) problems() []string {
	found := labelProblems(r.Key, r.Values...)
	switch r.Operator {
	case SelectorIn, SelectorNotIn:
		if len(r.Values) == 0 {
			found = append(found, fmt.Sprintf("%s: %s needs values", r.Key, r.Operator))
		}
	case SelectorExists, SelectorDoesNotExist:
		if len(r.Values) > 0 {
			found = append(found, fmt.Sprintf("%s: %s takes no values", r.Key, r.Operator))
		}
	default:
		found = append(found, fmt.Sprintf("%s: %q is not an operator; write %s, %s, %s or %s",
			r.Key, r.Operator, SelectorIn, SelectorNotIn, SelectorExists, SelectorDoesNotExist))
	}
	return found
}

// labelProblems names the label in each: an error has the selector's line only.
func labelProblems(key string, values ...string) []string {
	found := keyProblems(key)
	for _, value := range values {
		found = append(found, valueProblems(value)...)
	}
	for i := range found {
		found[i] = key + ": " + found[i]
	}
	return found
}
