package draft

import (
	"cmp"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
)

// memory is what all drafts may take, own what those of one person may, in bytes. A draft of
// the greatest size is always taken from somebody who has no other.
func (s *Store) memory() (all, own int64) {
	all = max(cmp.Or(s.Memory, Memory), MaxSize+each)
	return all, max(all/share, MaxSize+each)
}

// room makes some for a draft, which may be another state of one that is there: who has many,
// or large ones, loses their own oldest, those first to which nothing was sealed; and nobody
// loses one to somebody else. It takes away nothing unless that is enough.
func (s *Store) room(d Draft) error {
	all, most := s.memory()
	var own []Draft
	var taken, ours int64
	for id, one := range s.all {
		if id == d.ID {
			continue
		}
		taken += one.bytes + each
		if one.Owner == d.Owner {
			own = append(own, one)
			ours += one.bytes + each
		}
	}
	need := d.bytes + each
	if taken-ours+need > all {
		return fault.New("try it again later; whoever runs the console gives it more memory",
			"other people's drafts take all the memory that the console has for them")
	}
	slices.SortFunc(own, func(a, b Draft) int {
		if a.Sealed() != b.Sealed() {
			return map[bool]int{true: 1, false: -1}[a.Sealed()]
		}
		return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID))
	})
	for _, one := range own {
		if len(own) < mostOfOne && ours+need <= most && taken+need <= all {
			break
		}
		delete(s.all, one.ID)
		own = own[1:]
		ours, taken = ours-one.bytes-each, taken-one.bytes-each
	}
	return nil
}
