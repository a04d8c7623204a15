package layout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
)

func TestWhatCodeOwnersDoesNotGuard(t *testing.T) {
	var everything []string
	for _, grant := range layout.Grants {
		everything = append(everything, grant.Path)
	}
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"what init writes guards everything", string(layout.CodeOwners([]string{"@a/b"})), nil},
		{"one line for all does too", "* @a/b\n", nil},
		{"the placeholder guards nothing", string(layout.CodeOwners(nil)), everything},
		{"an owner without @ guards nothing", string(layout.CodeOwners([]string{"a/b"})), everything},
		{"nor does a line with one such among others", string(layout.CodeOwners([]string{"@a/b", "c"})), everything},
		{"a mail address is an owner, a comment is none", "* ops@acme.example # and who else?\n", nil},
		{"a comment alone is no owner", "* # @a/b\n", everything},
		{"nor does a comment", "# * @a/b\n", everything},
		{"nor a path without an owner", "*\n", everything},
		{
			"a forgotten folder is named", "/fleet.yaml @a\n/clusters/ @a\nclustersets/** @a\n/apps/ @a\n/CODEOWNERS @a\n",
			[]string{"/placements/"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, layout.Missing([]byte(test.file))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
