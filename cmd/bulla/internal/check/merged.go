package check

import (
	"regexp"
	"slices"
	"strings"
)

var ofPlacement = regexp.MustCompile(`^(.*) \(placement ([^ ()]+)\)$`)

// merged sorts findings. What several placements have from one file, a base that
// is broken, is one mistake and one line; so is what the file's own parser says too.
func merged(findings map[Finding]bool) []Finding {
	placements := map[Finding][]string{}
	var all []Finding
	for f := range findings {
		m := ofPlacement.FindStringSubmatch(f.Problem)
		if m == nil {
			all = append(all, f)
			continue
		}
		f.Problem = m[1]
		placements[f] = append(placements[f], m[2])
	}
	all = slices.DeleteFunc(all, func(f Finding) bool { return placements[f] != nil || placements[inText(f)] != nil })
	for f, names := range placements {
		slices.Sort(names)
		what := " (placement "
		if len(names) > 1 {
			what = " (placements "
		}
		f.Problem += what + strings.Join(names, ", ") + ")"
		all = append(all, f)
	}
	return append([]Finding{}, slices.SortedFunc(slices.Values(all), compare)...)
}

// inText is a finding as a build has it, with the field in its text.
func inText(f Finding) Finding {
	if f.Field != "" {
		f.Field, f.Problem = "", f.Field+": "+f.Problem
	}
	return f
}
