package draft_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/draft"
)

// TestDraftsTakeSoMuchMemoryAndNoMore: who has too much loses their own oldest, those first to
// which nothing was sealed; nobody loses one to somebody else, and is told so.
func TestDraftsTakeSoMuchMemoryAndNoMore(t *testing.T) {
	now := time.Now()
	s := draft.Store{Memory: 32 << 20} // 4 MiB for each
	put := func(owner string, bytes int) (draft.Draft, error) {
		d := draft.Draft{Owner: owner}
		if bytes > 0 {
			d.Files = map[string][]byte{"a": make([]byte, bytes)}
		}
		now = now.Add(time.Second)
		return s.Put(d, now)
	}
	must := func(owner string, bytes int) draft.Draft {
		t.Helper()
		d, err := put(owner, bytes)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	has := func(d draft.Draft, want bool) {
		t.Helper()
		if _, err := s.Get(d.ID, d.Owner, now); (err == nil) != want || err != nil && !errors.Is(err, draft.ErrGone) {
			t.Errorf("a draft of %s with %d files: %v, want it there: %v", d.Owner, len(d.Files), err, want)
		}
	}
	const each = 16 << 10 // what a draft takes beside its files
	bobs := must("bob", 1<<20)
	oldest, second := must("ann", 3<<19), must("ann", 0)
	third := must("ann", 4<<20-3<<19-2*each-1) // a byte more than there is beside both; names take a byte each
	has(second, false)                         // though it is newer: nothing is sealed to it
	has(oldest, true)
	has(third, true)
	// Another state of one that is there makes room as well.
	third.Files["a"] = make([]byte, draft.MaxSize-1)
	if _, err := s.Put(third, now); err != nil {
		t.Fatal(err)
	}
	has(oldest, false)
	has(third, true)
	has(bobs, true)
	// All of it is taken, by eight.
	var others []draft.Draft
	for i := range 8 {
		for range 3 {
			others = append(others, must(fmt.Sprintf("person-%d", i), 1300<<10))
		}
		if i == 5 {
			s.Drop(third.ID, "ann")
			s.Drop(bobs.ID, "bob")
		}
	}
	if _, err := put("zoe", 1200<<10); err == nil || fault.Hint(err) == "" {
		t.Errorf("there is room without end: %v", err)
	}
	must("zoe", 0)
	for _, one := range others {
		has(one, true)
	}
	// And one of them makes room by their own.
	must("person-0", 1<<20)
	has(others[0], false)
	for _, one := range others[1:] {
		has(one, true)
	}
}

// TestTheLargestDraftIsAlwaysTaken from somebody who has no other, however little there is.
func TestTheLargestDraftIsAlwaysTaken(t *testing.T) {
	s := draft.Store{Memory: 1}
	d, err := s.Put(draft.Draft{Owner: "ann", Files: map[string][]byte{"a": make([]byte, draft.MaxSize-1)}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(draft.Draft{Owner: "bob"}, time.Now()); err == nil || fault.Hint(err) == "" {
		t.Errorf("there is room for another: %v", err)
	}
	s.Drop(d.ID, "ann")
	if _, err := s.Put(draft.Draft{Owner: "bob"}, time.Now()); err != nil {
		t.Error(err)
	}
}

// TestWhatWasChosenTakesRoomToo: a length may be written with a million zeros before it.
func TestWhatWasChosenTakesRoomToo(t *testing.T) {
	now := time.Now()
	long := func(n int) draft.Draft {
		return draft.Draft{Owner: "ann", Choice: draft.Choice{Begun: "/change?length=" + strings.Repeat("0", n) + "32"}}
	}
	s := draft.Store{Memory: 32 << 20} // 4 MiB for each
	if _, err := s.Put(long(5<<20), now); err == nil || fault.Hint(err) == "" {
		t.Errorf("an address without end is taken: %v", err)
	}
	first, err := s.Put(long(3<<20), now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(long(3<<20), now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(first.ID, "ann", now); !errors.Is(err, draft.ErrGone) {
		t.Errorf("two addresses of 3 MiB are kept in 4: %v", err)
	}
}
