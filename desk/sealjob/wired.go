package sealjob

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
)

// checkWired refuses to take away what deliverAs names, and a new name that it cannot
// have. Without, the edited file would be refused with a line that the person's has not.
func (j *Job) checkWired() error {
	for _, key := range j.What.Without {
		if _, renamed := j.What.Renamed[key]; renamed {
			continue
		}
		for i, d := range j.Where.Stub.Spec.DeliverAs {
			if stub.NamesKey(d, key) {
				return fault.New(j.unwire(i, key), "%s: %s is wired to %s, in spec.deliverAs", j.Where.File, key,
					stub.WiredTo(d))
			}
		}
	}
	if len(j.What.Renamed) == 0 {
		return nil
	}
	return j.checkRenamed()
}

// checkRenamed holds the wires against the new names.
func (j *Job) checkRenamed() error {
	after := stub.Rewired(j.Where.Stub, j.What.Renamed)
	for _, block := range after.Spec.Blocks {
		for i, field := range block.Fields {
			if now, ok := j.What.Renamed[strings.TrimPrefix(field, "/data/")]; ok {
				block.Fields[i] = "/data/" + now
			}
		}
		slices.Sort(block.Fields)
	}
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	var problem *api.ParseError
	_, err = api.ParseSealedManifest(j.Where.File, text)
	if errors.As(err, &problem) && strings.HasPrefix(problem.Field, "spec.deliverAs") {
		said, _, _ := strings.Cut(problem.Problem, "; hint: ")
		return fault.New("give the key another name, or wire each key by a name first: `bulla deliver "+j.Where.File+
			" --env KIND/NAME --env-key KEY=VARIABLE`", "%s: the new name does not fit its wires: %s", j.Where.File, said)
	}
	return nil
}

// unwire is what takes a key out of one entry, and nothing else.
func (j *Job) unwire(i int, key string) string {
	entries := j.Where.Stub.Spec.DeliverAs
	d := entries[i]
	alone := !slices.ContainsFunc(slices.Delete(slices.Clone(entries), i, i+1), func(other api.DeliverAs) bool {
		return other.Workload == d.Workload && (len(d.Containers) == 0 || slices.Equal(other.Containers, d.Containers))
	})
	switch {
	case len(d.Containers) > 1:
	case d.Env != nil && len(d.Env.Keys) > 1:
		flags := ""
		for _, other := range slices.Sorted(maps.Keys(d.Env.Keys)) {
			if other != key {
				flags += " --env-key " + other + "=" + d.Env.Keys[other]
			}
		}
		if d.Env.Optional {
			flags += " --env-optional"
		}
		return fmt.Sprintf("wire the others alone first: `bulla deliver %s --env %s%s`", j.Where.File, stub.WiredTo(d), flags)
	case alone && (d.Env != nil || len(d.Volume.Items) == 1):
		return fmt.Sprintf("take the wire away first: `bulla deliver %s --remove %s`", j.Where.File, stub.WiredTo(d))
	}
	return fmt.Sprintf("take %s out of spec.deliverAs[%d] of %s by hand first", key, i, j.Where.File)
}
