package sealjob

import (
	"errors"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/closest"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/stub"
)

// edit says which blocks change.
func (j *Job) edit() (*stub.Edit, error) {
	public, err := stub.PublicData(j.Where.Stub)
	if err != nil {
		return nil, err
	}
	wish := stub.Wish{Together: j.How.Together, Apart: j.How.Apart}
	for key := range j.What.Values {
		if public[key] {
			return nil, fault.New("take it out of spec.template.data first",
				"%s: key %q stands in the clear in the template", j.Where.File, key)
		}
		wish.Pointers = append(wish.Pointers, "/data/"+key)
	}
	for _, key := range j.What.Without {
		if public[key] {
			return nil, fault.New("take its line out of spec.template.data by hand",
				"%s: key %q stands in the clear in the template", j.Where.File, key)
		}
		wish.Without = append(wish.Without, "/data/"+key)
	}
	edit, err := stub.EditOf(j.Where.Stub.Spec.Blocks, wish)
	if err != nil {
		return nil, j.explain(err)
	}
	if len(edit.Gone) == len(j.Where.Stub.Spec.Blocks) && len(edit.Changes) == 0 {
		return nil, fault.New("to take the whole Secret away, delete the file and its line in the kustomization",
			"%s: it would seal nothing any more", j.Where.File)
	}
	return edit, j.checkWired()
}

// explain says what to do about an edit that cannot be made.
func (j *Job) explain(err error) error {
	var absent *stub.AbsentError
	if errors.As(err, &absent) {
		keys := j.Where.Keys()
		hint := closest.Hint(strings.TrimPrefix(absent.Pointer, "/data/"), keys) + "it seals " + strings.Join(keys, ", ")
		return fault.New(hint, "%s: %w", j.Where.File, err)
	}
	hint := "values sealed together change together: give them all"
	if len(j.What.Without) > 0 {
		hint = "nobody here can open the block to keep the rest of it: give the others again, or take them away too"
	}
	return fault.New(hint, "%s: %w", j.Where.File, err)
}

// warnHalf says that one half of a certificate and key changes alone.
func (j *Job) warnHalf(edit *stub.Edit) {
	has := j.Where.Keys()
	for _, change := range edit.Changes {
		if len(change.Fields) != 1 {
			continue
		}
		key := strings.TrimPrefix(change.Fields[0], "/data/")
		for _, ends := range [][2]string{{".crt", ".key"}, {".key", ".crt"}} {
			stem, ok := strings.CutSuffix(key, ends[0])
			if other := stem + ends[1]; ok && slices.Contains(has, other) && j.What.Values[other] == nil {
				j.Fleet.Warn("%s: %s changes and %s does not: give both, so that a new half never meets an old one", j.Where.File,
					key, other)
			}
		}
	}
}
