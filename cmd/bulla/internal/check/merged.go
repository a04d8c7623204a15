package check

import "slices"

// merged sorts findings. What several placements have from one file, a base that
// is broken, is one mistake and one line; so is what the file's own parser says too.
func merged(findings map[Finding]bool) []Finding {
	placements := map[Finding][]string{}
	all := []Finding{}
	for f := range findings {
		if f.placement == "" {
			all = append(all, f)
			continue
		}
		name := f.placement
		f.placement = ""
		placements[f] = append(placements[f], name)
	}
	all = slices.DeleteFunc(all, func(f Finding) bool { return placements[f] != nil || placements[inText(f)] != nil })
	for f, names := range placements {
		slices.Sort(names)
		all = append(all, f.of(names...))
	}
	slices.SortFunc(all, compare)
	return all
}

// inText is a finding as a build has it, with the field in its text.
func inText(f Finding) Finding {
	if f.Field != "" {
		f.Field, f.Problem = "", f.Field+": "+f.Problem
	}
	return f
}
