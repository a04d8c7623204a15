package values

import (
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/sealing/value"
)

// Note says of one value that it has something of the text file that it came
// from. The value is sealed as it is.
type Note struct{ Key, Text string }

// Notes looks for what editors and shells add to a value. No note holds any
// part of one.
func (set Set) Notes() []Note {
	var notes []Note
	for _, key := range slices.Sorted(maps.Keys(set)) {
		for _, text := range value.Notes(set[key]) {
			notes = append(notes, Note{key, text})
		}
	}
	return notes
}
