package sealjob

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/stub"
	"github.com/bulla-dev/bulla/cmd/internal/closest"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
)

// plan says which blocks change.
func (j *Job) plan() (*stub.Edit, error) {
	public, err := stub.PublicData(j.Stub)
	if err != nil {
		return nil, err
	}
	wish := stub.Wish{Together: j.Together, Apart: j.Apart}
	for key := range j.Values {
		if public[key] {
			return nil, fault.New("take it out of spec.template.data first", "%s: key %q stands in the clear in the template", j.File, key)
		}
		wish.Pointers = append(wish.Pointers, "/data/"+key)
	}
	for _, key := range j.Without {
		if public[key] {
			return nil, fault.New("take its line out of spec.template.data by hand", "%s: key %q stands in the clear in the template", j.File, key)
		}
		wish.Without = append(wish.Without, "/data/"+key)
	}
	edit, err := stub.Plan(j.Stub.Spec.Blocks, wish)
	if err != nil {
		return nil, j.explain(err)
	}
	if len(edit.Gone) == len(j.Stub.Spec.Blocks) && len(edit.Changes) == 0 {
		return nil, fault.New("to take the whole Secret away, delete the file and its line in the kustomization", "%s: it would seal nothing any more", j.File)
	}
	j.warnHalf(edit)
	return edit, nil
}

// explain says what to do about a plan that cannot be made.
func (j *Job) explain(err error) error {
	var absent *stub.AbsentError
	if errors.As(err, &absent) {
		keys := j.Keys()
		hint := "it seals " + strings.Join(keys, ", ")
		if near := closest.Name(strings.TrimPrefix(absent.Pointer, "/data/"), keys); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		return fault.New(hint, "%s: %w", j.File, err)
	}
	hint := "values sealed together change together: give them all"
	if len(j.Without) > 0 {
		hint = "nobody here can open the block to keep the rest of it: give the others again, or take them away too"
	}
	return fault.New(hint, "%s: %w", j.File, err)
}

// Keys are those that the stub seals.
func (j *Job) Keys() []string {
	keys := map[string]bool{}
	for _, block := range j.Stub.Spec.Blocks {
		for _, field := range block.Fields {
			keys[strings.TrimPrefix(field, "/data/")] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// warnHalf says that one half of a certificate and key changes alone.
func (j *Job) warnHalf(edit *stub.Edit) {
	has := j.Keys()
	for _, change := range edit.Changes {
		if len(change.Fields) != 1 {
			continue
		}
		key := strings.TrimPrefix(change.Fields[0], "/data/")
		for _, ends := range [][2]string{{".crt", ".key"}, {".key", ".crt"}} {
			stem, ok := strings.CutSuffix(key, ends[0])
			if other := stem + ends[1]; ok && slices.Contains(has, other) && j.Values[other] == nil {
				j.Warn("%s: %s changes and %s does not: give both, so that a new half never meets an old one", j.File, key, other)
			}
		}
	}
}

// CheckRenamed wants a value for the new name of each key: the old one is bound
// to its name, and nobody here can open it.
func (j *Job) CheckRenamed() error {
	for _, old := range slices.Sorted(maps.Keys(j.Renamed)) {
		if now := j.Renamed[old]; j.Values[now] == nil {
			return fault.NewUsage(fmt.Sprintf("give the value again, with --from-file %s=PATH or with -", now),
				"rename %s to %s: a sealed value is bound to its key, and nobody here can open it to seal it anew", old, now)
		}
	}
	return nil
}
