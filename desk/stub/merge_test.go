package stub_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
)

// file is a stub; each block is FIELD…=PAYLOAD@LOCK…
func file(blocks ...string) []byte {
	var b strings.Builder
	b.WriteString(
		"apiVersion: bulla.dev/v1alpha1\nkind: SealedManifest\nmetadata:\n  name: x\nspec:\n  template:\n    apiVersion: " +
			"v1\n    kind: Secret\n  blocks:\n",
	)
	for _, block := range blocks {
		fields, rest, _ := strings.Cut(block, "=")
		payload, locks, _ := strings.Cut(rest, "@")
		b.WriteString("  - fields:\n")
		for field := range strings.SplitSeq(fields, ",") {
			fmt.Fprintf(&b, "    - /data/%s\n", field)
		}
		fmt.Fprintf(
			&b,
			"    payload: |\n      -----BEGIN AGE ENCRYPTED FILE-----\n      %s\n      -----END AGE ENCRYPTED "+
				"FILE-----\n    locks:\n",
			payload,
		)
		for lock := range strings.SplitSeq(locks, ",") {
			target, key, _ := strings.Cut(lock, ":")
			fmt.Fprintf(&b, "    - target: set/%s\n      key: k%s\n      ciphertext: AAAA\n", target, key)
		}
	}
	return []byte(b.String())
}

func sealedIn(t *testing.T, data []byte) string {
	t.Helper()
	parsed, err := api.ParseSealedManifest("x.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, block := range parsed.Spec.Blocks {
		var locks []string
		for _, lock := range block.Locks {
			locks = append(locks, strings.TrimPrefix(lock.Target, "set/")+":"+strings.TrimPrefix(lock.Key, "k"))
		}
		all = append(
			all,
			strings.ReplaceAll(
				strings.Join(block.Fields, ","),
				"/data/",
				"",
			)+"="+strings.Split(block.Payload, "\n")[1]+"@"+strings.Join(
				locks,
				",",
			),
		)
	}
	return strings.Join(all, " ")
}

const nothingLeft = "nothing is sealed any more"

// mergeCase is two sides of a merge, and what becomes of them.
type mergeCase struct{ base, ours, theirs, want, conflict string }

func (c mergeCase) check(t *testing.T, name string) {
	t.Helper()
	base := file(strings.Fields(c.base)...)
	if c.base == "" {
		base = nil
	}
	for _, swapped := range []bool{false, true} {
		ours, theirs := file(strings.Fields(c.ours)...), file(strings.Fields(c.theirs)...)
		if swapped {
			ours, theirs = theirs, ours
		}
		got, err := stub.Merge("x.yaml", base, ours, theirs)
		var conflict *stub.ConflictError
		switch {
		case c.conflict != "" && (!errors.As(err, &conflict) || !strings.Contains(err.Error(), c.conflict)):
			t.Errorf("%s: %v, not a conflict of %q", name, err, c.conflict)
		case c.conflict != "" && c.conflict != nothingLeft && strings.Contains(err.Error(), nothingLeft):
			t.Errorf("%s: %v, but a side has it sealed", name, err)
		case c.conflict == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.conflict == "" && !sameSet(sealedIn(t, got), c.want):
			t.Errorf("%s: %s, not %s", name, sealedIn(t, got), c.want)
		}
	}
}

// TestMergeTakesEachBlockFromTheSideThatChangedIt: payload and locks of a block
// are never mixed between sides, since nobody can make them fit again.
func TestMergeTakesEachBlockFromTheSideThatChangedIt(t *testing.T) {
	for name, c := range map[string]mergeCase{
		"two additions": {
			base: "a=1@e:1", ours: "a=1@e:1 b=2@e:1", theirs: "a=1@e:1 c=3@e:1",
			want: "a=1@e:1 b=2@e:1 c=3@e:1",
		},
		"two changes": {
			base: "a=1@e:1 b=1@e:1", ours: "a=2@e:1 b=1@e:1", theirs: "a=1@e:1 b=2@e:1",
			want: "a=2@e:1 b=2@e:1",
		},
		"the same change": {base: "a=1@e:1", ours: "a=2@e:1", theirs: "a=2@e:1", want: "a=2@e:1"},
		"a change and a removal": {
			base: "a=1@e:1 b=1@e:1", ours: "b=1@e:1", theirs: "a=1@e:1 b=2@e:1",
			want: "b=2@e:1",
		},
		"two removals leave nothing": {
			base: "a=1@e:1 b=1@e:1", ours: "a=1@e:1", theirs: "b=1@e:1",
			conflict: nothingLeft,
		},
		"one value twice": {
			base: "a=1@e:1", ours: "a=2@e:1", theirs: "a=3@e:1",
			conflict: "both sides changed /data/a",
		},
		"added by both": {
			base: "a=1@e:1", ours: "a=1@e:1 b=2@e:1", theirs: "a=1@e:1 b=3@e:1",
			conflict: "both sides changed /data/b",
		},
		"changed and taken away": {
			base: "a=1@e:1 b=1@e:1", ours: "b=1@e:1", theirs: "a=2@e:1 b=1@e:1",
			conflict: "one side takes /data/a away",
		},
		"put together and changed": {
			base: "a=1@e:1 b=1@e:1", ours: "a,b=2@e:1", theirs: "a=1@e:1 b=3@e:1",
			conflict: "one side takes /data/b away",
		},
		"put together, another added": {
			base: "a=1@e:1 b=1@e:1", ours: "a,b=2@e:1", theirs: "a=1@e:1 b=1@e:1 c=3@e:1",
			want: "a,b=2@e:1 c=3@e:1",
		},
		"grouped in two ways": {
			base: "z=1@e:1", ours: "a,b=2@e:1 z=1@e:1", theirs: "b,c=3@e:1 z=1@e:1",
			conflict: "both sides changed /data/b, each with other values",
		},
	} {
		c.check(t, name)
	}
}

func TestMergeTakesLocksOfBothSides(t *testing.T) {
	for name, c := range map[string]mergeCase{
		"a lock for one more set":       {base: "a=1@e:1", ours: "a=1@e:1,f:1", theirs: "a=1@e:1", want: "a=1@e:1,f:1"},
		"moved to a new key by both":    {base: "a=1@e:1", ours: "a=1@e:2", theirs: "a=1@e:2", want: "a=1@e:2"},
		"moved by one, locked by other": {base: "a=1@e:1", ours: "a=1@e:2", theirs: "a=1@e:1,f:1", want: "a=1@e:2,f:1"},
		"a new value, the old moved":    {base: "a=1@e:1", ours: "a=2@e:1", theirs: "a=1@e:2", want: "a=2@e:1"},
		"a new value, the old for more": {
			base: "a=1@e:1", ours: "a=2@e:1", theirs: "a=1@e:1,f:1",
			conflict: "both sides changed /data/a",
		},
		"moved by one, taken by other": {base: "a=1@e:1,f:1", ours: "a=1@e:2,f:2", theirs: "a=1@e:1", want: "a=1@e:2"},
		"a new value, taken from one": {
			base: "a=1@e:1,f:1", ours: "a=2@e:1,f:1", theirs: "a=1@e:1",
			conflict: "both sides changed /data/a",
		},
		"made by both, other values": {ours: "a=1@e:1", theirs: "b=2@e:1", want: "a=1@e:1 b=2@e:1"},
		"made by both, the same key": {ours: "a=1@e:1", theirs: "a=2@e:1", conflict: "both sides changed /data/a"},
		"no lock is left": {
			base: "a=1@e:1,f:1", ours: "a=1@e:1", theirs: "a=1@f:1",
			conflict: "no lock is left of /data/a",
		},
		"order is that of fields": {
			base: "m=1@e:1", ours: "m=1@e:1 z=2@e:1", theirs: "a=3@e:1 m=1@e:1",
			want: "a=3@e:1 m=1@e:1 z=2@e:1",
		},
	} {
		c.check(t, name)
	}
}

// sameSet compares locks in any order: which side comes first may decide it.
func sameSet(got, want string) bool {
	norm := func(s string) string {
		var all []string
		for _, block := range strings.Fields(s) {
			head, locks, _ := strings.Cut(block, "@")
			each := strings.Split(locks, ",")
			if len(each) > 1 && each[0] > each[1] {
				each[0], each[1] = each[1], each[0]
			}
			all = append(all, head+"@"+strings.Join(each, ","))
		}
		return strings.Join(all, " ")
	}
	return norm(got) == norm(want)
}

// What is wired stands around the values: a side that changed it is taken, two that
// did are for a person.
func TestMergeKeepsWhatASideWired(t *testing.T) {
	wired := func(data []byte, workload string) []byte {
		entry := "  deliverAs:\n  - {workload: {kind: Deployment, name: " + workload + "}, env: {}}\n  blocks:\n"
		return []byte(strings.Replace(string(data), "  blocks:\n", entry, 1))
	}
	base, other := file("a=AA==@one:1"), file("a=AQ==@one:1")
	merged, err := stub.Merge("x.yaml", base, other, wired(base, "api"))
	if err != nil || !strings.Contains(string(merged), "name: api}") || sealedIn(t, merged) != sealedIn(t, other) {
		t.Errorf("%v:\n%s", err, merged)
	}
	var conflict *stub.ConflictError
	if _, err := stub.Merge("x.yaml", base, wired(base, "web"), wired(base, "api")); !errors.As(err, &conflict) {
		t.Errorf("two sides that wired: %v", err)
	}
}
