package stub

import (
	"maps"
	"slices"
	"strconv"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// VouchHint says how a cluster's keys are compared that nobody compared yet.
func VouchHint(cluster string) string {
	return "compare them: bulla cluster vouch " + cluster + " --context …, or with --fingerprint by telephone; " +
		"or lock to a set"
}

// SetLocks writes new locks of blocks, by their index, into the stub file data,
// which parses as old, and returns the new file. Only the text of locks that
// differ changes: fields and payloads stay, and with them the content digest.
func SetLocks(file string, data []byte, old *api.SealedManifest, locks map[int][]api.Lock) ([]byte, error) {
	want := old.DeepCopy()
	for _, i := range slices.Sorted(maps.Keys(locks)) {
		was, now := old.Spec.Blocks[i].Locks, locks[i]
		both := min(len(was), len(now))
		var edits []func(*yamltext.Sequence) []byte
		for j := range both {
			if was[j] != now[j] {
				edits = append(edits, func(s *yamltext.Sequence) []byte { return s.Replace(j, lockItem(now[j])) })
			}
		}
		for _, lock := range now[both:] {
			edits = append(edits, func(s *yamltext.Sequence) []byte { return s.Append(lockItem(lock)) })
		}
		if len(was) > both {
			edits = append(edits, func(s *yamltext.Sequence) []byte { return s.Remove(indexes(both, len(was))...) })
		}
		for _, edit := range edits {
			sequence, err := findAt(file, data, "spec", "blocks", strconv.Itoa(i), "locks")
			if err != nil {
				return nil, err
			}
			data = edit(sequence)
		}
		want.Spec.Blocks[i].Locks = now
	}
	if err := same(file, data, want); err != nil {
		return nil, err
	}
	return data, nil
}

func indexes(from, to int) []int {
	var all []int
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}
