package heads

import (
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// stored knows which stubs of the store heads name. It is for looks, of which there is
// one at a time.
type stored struct {
	reader model.StoredReader
	// last is what this process wrote of the head that it accepted last.
	last names
}

// names are the stubs of the store that a head names, sorted.
type names struct {
	head    string
	digests []string
}

func (s *stored) read(next *follow.Head) (names, error) {
	digests, err := s.reader.Read(next.Tree)
	if err != nil {
		return names{}, fmt.Errorf("read references: %w", err)
	}
	return names{next.Hash, digests}, nil
}

// nameStubs costs what changed where this process accepted the head before: its rows are
// then what it wrote, since the new head is not added after any other. Of a head that
// another replica accepted all are written.
func (m *memory) nameStubs(now names) store.Change {
	last := m.stored.last
	if last.head == "" || last.head != m.last.Hash {
		return m.Rows.NameStubs(m.Fleet, m.ref, now.digests, m.accepted)
	}
	named, left := difference(last.digests, now.digests)
	return m.Rows.ChangeStubs(m.Fleet, m.ref, named, left, m.accepted)
}

// difference of two sorted lists: what is in the second alone, and in the first alone.
func difference(was, is []string) (more, less []string) {
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(was) == 0 || len(is) > 0 && is[0] < was[0]:
			more, is = append(more, is[0]), is[1:]
		case len(is) == 0 || was[0] < is[0]:
			less, was = append(less, was[0]), was[1:]
		default:
			was, is = was[1:], is[1:]
		}
	}
	return more, less
}
