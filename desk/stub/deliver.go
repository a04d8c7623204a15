package stub

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// Deliver writes other entries of deliverAs into the stub file data, which parses as
// old. Entries that stay keep their text, and so does everything else in the file.
func Deliver(file string, data []byte, old *api.SealedManifest, entries []api.DeliverAs) ([]byte, error) {
	want := old.DeepCopy()
	if len(entries) == 0 {
		entries = nil
	}
	want.Spec.DeliverAs = entries
	was := old.Spec.DeliverAs
	var err error
	switch {
	case reflect.DeepEqual(was, entries):
		return data, nil
	case len(entries) == 0:
		data, err = yamltext.SetEntry(data, nil, "spec", "deliverAs")
	case len(was) == 0:
		data, err = beforeBlocks(data, "deliverAs", deliverLines(entries))
	default:
		data, err = deliverItems(file, data, was, entries)
	}
	if err != nil {
		return nil, fmt.Errorf("edit %s: spec.deliverAs: %w", file, err)
	}
	return data, same(file, data, want)
}

// Restart writes into the stub file data, which parses as old, whether workloads of
// other deployers are restarted when its values change.
func Restart(file string, data []byte, old *api.SealedManifest, on bool) ([]byte, error) {
	if old.Spec.Restart == on {
		return data, nil
	}
	want := old.DeepCopy()
	want.Spec.Restart = on
	var err error
	if on {
		data, err = beforeBlocks(data, "restart", []string{"restart: true"})
	} else {
		data, err = yamltext.SetEntry(data, nil, "spec", "restart")
	}
	if err != nil {
		return nil, fmt.Errorf("edit %s: spec.restart: %w", file, err)
	}
	return data, same(file, data, want)
}

// beforeBlocks writes a new entry of spec above the ciphertext, which is long, where
// the layout has a place for it, and else behind it.
func beforeBlocks(data []byte, key string, lines []string) ([]byte, error) {
	all := strings.SplitAfter(string(data), "\n")
	at := api.StubLine(data, "spec.blocks") - 1
	indent, ok := strings.CutSuffix(strings.TrimRight(all[at], " \n"), "blocks:")
	above := ""
	if at > 0 {
		above = strings.TrimSpace(all[at-1])
	}
	if !ok || strings.Trim(indent, " ") != "" || strings.HasPrefix(above, "#") {
		return yamltext.SetEntry(data, lines, "spec", key)
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(indent + line + "\n")
	}
	return []byte(strings.Join(all[:at], "") + text.String() + strings.Join(all[at:], "")), nil
}

// deliverItems changes what differs, adds behind and takes away.
func deliverItems(file string, data []byte, was, now []api.DeliverAs) ([]byte, error) {
	both := min(len(was), len(now))
	for i := range both {
		if reflect.DeepEqual(was[i], now[i]) {
			continue
		}
		sequence, err := findAt(file, data, "spec", "deliverAs")
		if err != nil {
			return nil, err
		}
		data = sequence.Replace(i, deliverItem(now[i]))
	}
	sequence, err := findAt(file, data, "spec", "deliverAs")
	if err != nil {
		return nil, err
	}
	if len(was) > both {
		return sequence.Remove(indexes(both, len(was))...), nil
	}
	var items []yamltext.Item
	for _, d := range now[both:] {
		items = append(items, deliverItem(d))
	}
	return sequence.Append(items...), nil
}

func deliverLines(entries []api.DeliverAs) []string {
	lines := []string{"deliverAs:"}
	for _, d := range entries {
		for i, line := range deliverItem(d) {
			lead := "  "
			if i == 0 {
				lead = "- "
			}
			lines = append(lines, lead+line)
		}
	}
	return lines
}

// deliverItem writes one entry, a line for each field.
func deliverItem(d api.DeliverAs) yamltext.Item {
	item := yamltext.Item{fmt.Sprintf("workload: {kind: %s, name: %s}", plainText(d.Workload.Kind),
		plainText(d.Workload.Name))}
	if len(d.Containers) > 0 {
		var names []string
		for _, name := range d.Containers {
			names = append(names, plainText(name))
		}
		item = append(item, "containers: ["+strings.Join(names, ", ")+"]")
	}
	if d.Env != nil {
		return append(item, "env: "+flow(envFields(*d.Env)))
	}
	return append(item, "volume: "+flow(volumeFields(*d.Volume)))
}

func envFields(e api.DeliverEnv) []string {
	var fields, keys []string
	for _, key := range slices.Sorted(maps.Keys(e.Keys)) {
		keys = append(keys, plainText(key)+": "+plainText(e.Keys[key]))
	}
	if keys != nil {
		fields = append(fields, "keys: "+flow(keys))
	}
	if e.Prefix != "" {
		fields = append(fields, "prefix: "+plainText(e.Prefix))
	}
	if e.Optional {
		fields = append(fields, "optional: true")
	}
	return fields
}

func volumeFields(v api.DeliverVolume) []string {
	fields := []string{"mountPath: " + plainText(v.MountPath)}
	if v.DefaultMode != "" {
		fields = append(fields, "defaultMode: "+strconv.Quote(v.DefaultMode))
	}
	var items []string
	for _, item := range v.Items {
		file := []string{"key: " + plainText(item.Key), "path: " + plainText(item.Path)}
		if item.Mode != "" {
			file = append(file, "mode: "+strconv.Quote(item.Mode))
		}
		items = append(items, flow(file))
	}
	if items != nil {
		fields = append(fields, "items: ["+strings.Join(items, ", ")+"]")
	}
	return fields
}

func flow(fields []string) string { return "{" + strings.Join(fields, ", ") + "}" }

// plainText is a text as it stands in a flow mapping, in quotes where YAML would read
// something else.
func plainText(text string) string {
	written, err := yaml.Marshal(text)
	const harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-"
	if err == nil && string(written) == text+"\n" && strings.Trim(text, harmless) == "" && !looksLikeDate(text) {
		return text
	}
	return strconv.Quote(text)
}
