package plan

import (
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/sealing"
)

// sealAgain is the command by which a value opens where it is placed. Whoever else it is
// for stays among its targets: with `--for` one placement alone, all others lose it.
func (d *differ) sealAgain(placement string, m *Missing, is shut) string {
	if advice := d.several(is.stub); advice != "" {
		return advice // a value given again would be refused
	}
	keys := make([]string, 0, len(m.Fields))
	for _, field := range m.Fields {
		keys = append(keys, keyOf(field))
	}
	slices.Sort(keys)
	command := "bulla set " + printable.Word(is.stub) + " " + printable.Word(keys[0])
	text := "give the value again: " + command
	if is.lacks {
		flags, lacks := d.targets(placement, is.targets)
		if lacks != "" {
			return lacks
		}
		text += flags
	}
	if len(keys) > 1 {
		text += ", and so for " + strings.Join(keys[1:], ", ")
	}
	return text
}

// keyOf is the last part of a JSON pointer, which `bulla set` takes.
func keyOf(field string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(field[strings.LastIndex(field, "/")+1:])
}

// targets are the flags for all that a value is locked to and that a placement needs
// beside; lacks says what no flag can give.
func (d *differ) targets(placement string, locked []string) (flags, lacks string) {
	sets, clusters := []string{}, []string{}
	for _, text := range locked {
		if target, err := sealing.ParseTarget(text); err == nil && target.Kind == sealing.Set {
			sets = append(sets, target.Name)
		} else if err == nil {
			clusters = append(clusters, target.Name)
		}
	}
	if len(clusters) > 0 { // with their own keys, which no set stands beside
		for _, name := range clusters {
			flags += " --cluster " + printable.Word(name)
		}
		return " --two-lock" + flags + ", and --cluster for each that is named here", ""
	}
	live := d.head.Model.LiveTargets(placement)
	for _, t := range live {
		if t.ClusterSet != "" {
			sets = append(sets, t.ClusterSet)
		}
	}
	for _, t := range live {
		if t.ClusterName != "" && !slices.ContainsFunc(sets, func(set string) bool {
			return slices.Contains(d.head.members(set), t.ClusterName)
		}) {
			lacks = "put cluster " + t.ClusterName + " into a set that the value is sealed to, by its labels; or make one " +
				"(bulla cluster set), and give the value again with --set for it beside those that it has"
		}
	}
	slices.Sort(sets)
	for _, set := range slices.Compact(sets) {
		flags += " --set " + printable.Word(set)
	}
	return flags, lacks
}
