package stub_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
)

// editCase is what somebody wishes of two blocks, one of a, one of b and c; and what
// becomes of them.
type editCase struct {
	name     string
	pointers []string
	together bool
	apart    bool
	without  []string
	want     []stub.Change
	gone     []int
	partial  *stub.PartialError
}

func (test editCase) run(t *testing.T) {
	blocks := []api.Block{{Fields: []string{"/data/a"}}, {Fields: []string{"/data/b", "/data/c"}}}
	edit, err := stub.EditOf(blocks,
		stub.Wish{Pointers: test.pointers, Without: test.without, Together: test.together, Apart: test.apart})
	var got []stub.Change
	if edit != nil {
		got = edit.Changes
		if diff := cmp.Diff(test.gone, edit.Gone); diff != "" {
			t.Errorf("gone (-want +got):\n%s", diff)
		}
	}
	var partial *stub.PartialError
	errors.As(err, &partial)
	if diff := cmp.Diff(test.partial, partial); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(test.want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func runEdits(t *testing.T, tests ...editCase) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, test.run)
	}
}

func TestGivenValuesChangeTheirBlocks(t *testing.T) {
	runEdits(t, []editCase{
		{
			name:     "a value of its own block is replaced there",
			pointers: []string{"/data/a"},
			want:     []stub.Change{{Fields: []string{"/data/a"}, Replaces: []int{0}}},
		},
		{
			name:     "new values get a block each",
			pointers: []string{"/data/z", "/data/y"},
			want:     []stub.Change{{Fields: []string{"/data/y"}}, {Fields: []string{"/data/z"}}},
		},
		{
			name:     "values that were together stay together",
			pointers: []string{"/data/c", "/data/b"},
			want:     []stub.Change{{Fields: []string{"/data/b", "/data/c"}, Replaces: []int{1}}},
		},
		{
			name:     "a part of what was together cannot be replaced",
			pointers: []string{"/data/c"},
			partial:  &stub.PartialError{Given: []string{"/data/c"}, Missing: []string{"/data/b"}},
		},
		{
			name:     "together takes the place of every block that it covers",
			pointers: []string{"/data/c", "/data/z", "/data/a", "/data/b"}, together: true,
			want: []stub.Change{{Fields: []string{"/data/a", "/data/b", "/data/c", "/data/z"}, Replaces: []int{0, 1}}},
		},
	}...)
}

func TestKeysAreTakenAwayWithTheirBlocks(t *testing.T) {
	runEdits(t, []editCase{
		{
			name:    "a key that is taken away takes its block with it",
			without: []string{"/data/a"}, gone: []int{0},
		},
		{
			name:    "what was together with it is not lost",
			without: []string{"/data/b"},
			partial: &stub.PartialError{Given: []string{"/data/b"}, Missing: []string{"/data/c"}},
		},
		{
			name:    "given again, it stays alone",
			without: []string{"/data/b"}, pointers: []string{"/data/c"},
			want: []stub.Change{{Fields: []string{"/data/c"}, Replaces: []int{1}}},
		},
	}...)
}

func TestACertificateAndItsKeyStayTogether(t *testing.T) {
	runEdits(t, []editCase{
		{
			name:     "a certificate and its key are one block",
			pointers: []string{"/data/tls.key", "/data/ca.crt", "/data/tls.crt"},
			want:     []stub.Change{{Fields: []string{"/data/ca.crt"}}, {Fields: []string{"/data/tls.crt", "/data/tls.key"}}},
		},
		{
			name:     "unless they are wanted apart",
			pointers: []string{"/data/tls.key", "/data/tls.crt"}, apart: true,
			want: []stub.Change{{Fields: []string{"/data/tls.crt"}}, {Fields: []string{"/data/tls.key"}}},
		},
		{
			name:     "together takes no part of a block either",
			pointers: []string{"/data/a", "/data/b"}, together: true,
			partial: &stub.PartialError{Given: []string{"/data/b"}, Missing: []string{"/data/c"}},
		},
	}...)
}
