package stub

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Change is one block to seal anew.
type Change struct {
	// Fields of the new block, sorted.
	Fields []string
	// Replaces lists the blocks that it takes the place of: none for a new
	// value, several when values are put together.
	Replaces []int
}

// Edit is what becomes of the blocks of a stub.
type Edit struct {
	Changes []Change
	// Gone lists the blocks that are taken away.
	Gone []int
}

// Wish is what a stub is to hold.
type Wish struct {
	// Pointers of the values that are given.
	Pointers []string
	// Without are the pointers to take away.
	Without []string
	// Together puts all values into one block.
	Together bool
	// Apart leaves a certificate and its key in blocks of their own.
	Apart bool
}

// PartialError reports that a block holds more values than were given, so that
// it can be neither kept nor replaced.
type PartialError struct{ Given, Missing []string }

func (e *PartialError) Error() string {
	return fmt.Sprintf("%s stands in one block with %s", strings.Join(e.Given, ", "), strings.Join(e.Missing, ", "))
}

// AbsentError reports a value that is to be taken away and is not there.
type AbsentError struct{ Pointer string }

func (e *AbsentError) Error() string { return fmt.Sprintf("no block seals %s", e.Pointer) }

// EditOf says which blocks change. Values that were together stay together, and
// so do the halves of a pair: half of one with half of another is of no use.
func EditOf(blocks []api.Block, wish Wish) (*Edit, error) {
	pointers := slices.Sorted(slices.Values(wish.Pointers))
	touched, fresh, err := wish.touched(blocks, pointers)
	if err != nil {
		return nil, err
	}
	edit := &Edit{}
	for _, i := range touched {
		rest := slices.DeleteFunc(slices.Clone(blocks[i].Fields),
			func(f string) bool { return slices.Contains(wish.Without, f) })
		if len(rest) == 0 {
			edit.Gone = append(edit.Gone, i)
			continue
		}
		if err := covered(blocks[i].Fields, rest, pointers); err != nil {
			return nil, err
		}
		edit.Changes = append(edit.Changes, Change{Fields: rest, Replaces: []int{i}})
	}
	if wish.Together && len(pointers) > 0 {
		edit.Changes = []Change{{Fields: pointers, Replaces: replaced(edit.Changes)}}
		return edit, nil
	}
	for _, pointer := range fresh {
		edit.Changes = append(edit.Changes, Change{Fields: []string{pointer}})
	}
	if !wish.Apart {
		edit.Changes = paired(edit.Changes)
	}
	return edit, nil
}

// touched finds the blocks that hold any of the values, and those that none
// holds yet.
func (w Wish) touched(blocks []api.Block, pointers []string) (touched []int, fresh []string, err error) {
	blockOf := func(pointer string) int {
		return slices.IndexFunc(blocks, func(b api.Block) bool { return slices.Contains(b.Fields, pointer) })
	}
	for _, pointer := range w.Without {
		i := blockOf(pointer)
		if i < 0 {
			return nil, nil, &AbsentError{pointer}
		}
		touched = append(touched, i)
	}
	for _, pointer := range pointers {
		if i := blockOf(pointer); i >= 0 {
			touched = append(touched, i)
		} else {
			fresh = append(fresh, pointer)
		}
	}
	slices.Sort(touched)
	return slices.Compact(touched), fresh, nil
}

// covered wants every value that a block keeps: nobody here can open it.
func covered(fields, rest, pointers []string) error {
	var e PartialError
	for _, field := range fields {
		if slices.Contains(rest, field) && !slices.Contains(pointers, field) {
			e.Missing = append(e.Missing, field)
		} else {
			e.Given = append(e.Given, field)
		}
	}
	if len(e.Missing) > 0 {
		return &e
	}
	return nil
}

func replaced(changes []Change) []int {
	var all []int
	for _, change := range changes {
		all = append(all, change.Replaces...)
	}
	slices.Sort(all)
	return all
}

// paired puts NAME.crt and NAME.key into one block where both are given.
func paired(changes []Change) []Change {
	for i := 0; i < len(changes); i++ {
		stem, ok := strings.CutSuffix(changes[i].Fields[0], ".crt")
		if !ok || len(changes[i].Fields) > 1 {
			continue
		}
		j := slices.IndexFunc(changes, func(c Change) bool { return slices.Equal(c.Fields, []string{stem + ".key"}) })
		if j < 0 {
			continue
		}
		both := Change{Fields: []string{stem + ".crt", stem + ".key"}, Replaces: replaced([]Change{changes[i], changes[j]})}
		changes[i] = both
		changes = slices.Delete(changes, j, j+1)
		if j < i {
			i--
		}
	}
	return changes
}
