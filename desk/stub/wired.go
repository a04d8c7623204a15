package stub

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// WiredTo is the workload of an entry as commands take it: KIND/NAME, or
// KIND/NAME:CONTAINER,CONTAINER.
func WiredTo(d api.DeliverAs) string {
	name := d.Workload.Kind + "/" + d.Workload.Name
	if len(d.Containers) > 0 {
		name += ":" + strings.Join(d.Containers, ",")
	}
	return name
}

// NamesKey reports whether an entry of deliverAs names the key. One that gives every
// key names none.
func NamesKey(d api.DeliverAs, key string) bool {
	if d.Env != nil {
		_, ok := d.Env.Keys[key]
		return ok
	}
	return d.Volume != nil && slices.ContainsFunc(d.Volume.Items, func(i api.DeliverItem) bool { return i.Key == key })
}

// Rewired is the stub with the new names of keys wherever its deliverAs names them.
// Variables and paths stay: a pod sees what it saw.
func Rewired(s *api.SealedManifest, renamed map[string]string) *api.SealedManifest {
	s = s.DeepCopy()
	for _, d := range s.Spec.DeliverAs {
		switch {
		case d.Env != nil && d.Env.Keys != nil:
			for old, now := range renamed {
				if name, ok := d.Env.Keys[old]; ok {
					delete(d.Env.Keys, old)
					d.Env.Keys[now] = name
				}
			}
		case d.Volume != nil:
			for i, item := range d.Volume.Items {
				if now, ok := renamed[item.Key]; ok {
					d.Volume.Items[i].Key = now
				}
			}
		}
	}
	return s
}

// Rewire writes new names of keys into deliverAs of the stub file data, which parses as
// old. The file parses again only when [Apply] has renamed the blocks too, with the stub
// that is returned.
func Rewire(
	file string, data []byte, old *api.SealedManifest, renamed map[string]string,
) ([]byte, *api.SealedManifest, error) {
	want := Rewired(old, renamed)
	if reflect.DeepEqual(want.Spec.DeliverAs, old.Spec.DeliverAs) {
		return data, old, nil
	}
	data, err := deliverItems(file, data, old.Spec.DeliverAs, want.Spec.DeliverAs)
	if err != nil {
		return nil, nil, fmt.Errorf("edit %s: spec.deliverAs: %w", file, err)
	}
	return data, want, nil
}
