package sealcmd

import (
	"fmt"
	"maps"
	"path"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
)

// seenByPods says what each wire makes of renamed keys: a name that the wire gives stays,
// and one that the key gives is another in the pod.
func seenByPods(wires []api.DeliverAs, renamed map[string]string) []string {
	var lines []string
	for _, d := range wires {
		for _, old := range slices.Sorted(maps.Keys(renamed)) {
			if line := seen(d, old, renamed[old]); line != "" {
				lines = append(lines, stub.WiredTo(d)+": "+line)
			}
		}
	}
	return lines
}

func seen(d api.DeliverAs, old, now string) string {
	switch {
	case stub.NamesKey(d, old) && d.Env != nil:
		return fmt.Sprintf("variable %s stays, of %s now", d.Env.Keys[old], now)
	case stub.NamesKey(d, old):
		i := slices.IndexFunc(d.Volume.Items, func(item api.DeliverItem) bool { return item.Key == old })
		return fmt.Sprintf("file %s stays, of %s now", path.Join(d.Volume.MountPath, d.Volume.Items[i].Path), now)
	case d.Env != nil && d.Env.Keys == nil:
		return fmt.Sprintf("its pods see the variable %s, and %s no more", d.Env.Prefix+now, d.Env.Prefix+old)
	case d.Volume != nil && d.Volume.Items == nil:
		return fmt.Sprintf("its pods see the file %s, and %s no more", path.Join(d.Volume.MountPath, now),
			path.Join(d.Volume.MountPath, old))
	}
	return ""
}
