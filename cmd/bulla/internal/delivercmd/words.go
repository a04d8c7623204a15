package delivercmd

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// inWords is a wire as a person reads it: to whom, and as what.
func inWords(d api.DeliverAs) string {
	to := named(d.Workload)
	if len(d.Containers) > 0 {
		to += ":" + strings.Join(d.Containers, ",")
	}
	switch {
	case d.Env != nil && len(d.Env.Keys) > 0:
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(d.Env.Keys)) {
			pairs = append(pairs, key+" as "+d.Env.Keys[key])
		}
		return to + ": variables, " + strings.Join(pairs, ", ") + optional(d.Env)
	case d.Env != nil && d.Env.Prefix != "":
		return to + ": every key as a variable, " + d.Env.Prefix + " before its name" + optional(d.Env)
	case d.Env != nil:
		return to + ": every key as a variable of its name" + optional(d.Env)
	}
	files := "every key as a file"
	if len(d.Volume.Items) > 0 {
		var keys []string
		for _, item := range d.Volume.Items {
			keys = append(keys, item.Key+" as "+item.Path)
		}
		files = strings.Join(keys, ", ")
	}
	text := to + ": files below " + d.Volume.MountPath + ", " + files
	if d.Volume.DefaultMode != "" {
		text += ", mode " + d.Volume.DefaultMode
	}
	return text
}

// named is a workload as the flags take it: Kubernetes' own kinds in small letters, others
// as their files have them.
func named(w api.WorkloadReference) string {
	if word := strings.ToLower(w.Kind); kinds[word] == w.Kind {
		return word + "/" + w.Name
	}
	return w.Kind + "/" + w.Name
}

// wired is what --remove takes of a stub that has these wires: workloads, and a container
// of them where a wire is to one alone.
func wired(wires []api.DeliverAs) (words []string) {
	for _, d := range wires {
		words = append(words, named(d.Workload))
		if len(d.Containers) == 1 {
			words = append(words, named(d.Workload)+":"+d.Containers[0])
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func optional(e *api.DeliverEnv) string {
	if e.Optional {
		return "; pods start without it too"
	}
	return ""
}
