package git

import (
	"fmt"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func TestTheCommitsThatChangedAPathAreFound(t *testing.T) {
	_, r, first := repo(t)
	a := push(t, r, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("one")})
	push(t, r, testfleet.Files{"apps/other/a.yaml": testfleet.ConfigMap("two")})
	b := push(t, r, testfleet.Files{"apps/app/deep/b.yaml": testfleet.ConfigMap("three")})
	head := push(t, r, testfleet.Files{"docs/a.md": "x"})
	c, err := OpenClone(r.Dir(), Limits{})
	must(t, err)
	for _, test := range []struct {
		paths      []string
		most, look int
		want       []string
		whole      bool
	}{
		{[]string{"apps/app"}, 10, 10, []string{b, a, first}, true},
		{[]string{"apps/app/a.yaml"}, 10, 10, []string{a, first}, true},
		{[]string{"nowhere", "docs/a.md"}, 10, 10, []string{head}, true},
		{[]string{"nowhere"}, 10, 10, nil, true},
		{[]string{"apps/app"}, 1, 10, []string{b}, false},
		{[]string{"apps/app"}, 10, 3, []string{b}, false},
	} {
		changes, whole, err := c.Changed(t.Context(), head, test.paths, test.most, test.look)
		must(t, err)
		var got []string
		for _, change := range changes {
			got = append(got, change.Commit)
			if change.Author == "" || change.Subject == "" || change.Time.IsZero() {
				t.Errorf("%+v", change)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) || whole != test.whole {
			t.Errorf("%v: %v, whole %v; want %v", test.paths, got, whole, test.want)
		}
	}
	if _, _, err := c.Changed(t.Context(), fmt.Sprintf("%040d", 1), []string{"a"}, 1, 1); err == nil {
		t.Error("a commit that is nowhere has a history")
	}
}
