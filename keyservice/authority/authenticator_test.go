package authority_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
)

// byHeader is another kind of proof, as a token of an OpenID provider would be.
type byHeader struct{}

var errBad = errors.New("the proof is bad")

func (byHeader) Authenticate(r *http.Request) (authority.Person, error) {
	switch token := r.Header.Get("Authorization"); token {
	case "":
		return authority.Person{}, authority.ErrNotMine
	case "Bearer alice":
		return authority.Person{Name: "alice", Identity: "of a provider"}, nil
	}
	return authority.Person{}, errBad
}

// first stands before it, and answers as it is told.
type first struct {
	who authority.Person
	err error
}

func (f first) Authenticate(*http.Request) (authority.Person, error) { return f.who, f.err }

func TestASecondKindOfProofIsAskedWhereTheFirstFindsNothing(t *testing.T) {
	alice := []config.Person{{Name: "alice", Identity: "of a provider", Roles: []config.Role{config.RoleAuditor}}}
	for name, c := range map[string]struct {
		first  first
		header string
		who    string
		err    error
	}{
		"nothing at all":                    {first{err: authority.ErrNotMine}, "", "", authority.ErrNotMine},
		"the second proof alone":            {first{err: authority.ErrNotMine}, "Bearer alice", "alice", nil},
		"a bad second proof":                {first{err: authority.ErrNotMine}, "Bearer mallory", "", errBad},
		"a bad first proof beside a good":   {first{err: errBad}, "Bearer alice", "", errBad},
		"a good first proof beside a bad":   {first{who: authority.Person{Name: "bob"}}, "Bearer mallory", "bob", nil},
		"a good first proof beside a third": {first{who: authority.Person{Name: "bob"}}, "Bearer alice", "bob", nil},
	} {
		people := authority.NewPeople(alice, c.first, byHeader{})
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		who, err := people.Authenticate(r)
		if who.Name != c.who || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %q, %v, want %q, %v", name, who.Name, err, c.who, c.err)
		}
	}
}

func TestAProofGrantsNothingThatTheConfigurationDoesNot(t *testing.T) {
	people := authority.NewPeople([]config.Person{{Name: "alice", Identity: "a", Roles: []config.Role{config.RoleAuditor}}}, byHeader{})
	for name, who := range map[string]authority.Person{
		"another key":    {Name: "alice", Identity: "b"},
		"another person": {Name: "bob", Identity: "a"},
		"nobody":         {},
	} {
		if entry, err := people.Find(who); err == nil || len(entry.Roles) > 0 {
			t.Errorf("%s is found: %+v", name, entry)
		}
	}
	entry, err := people.Find(authority.Person{Name: "alice", Identity: "a"})
	if err != nil || !authority.MayUse(entry, []config.Role{config.RoleAuditor}) || authority.MayUse(entry, []config.Role{config.RoleOperator}) {
		t.Errorf("%+v, %v", entry, err)
	}
	if said := people.Set(nil); len(said) != 1 {
		t.Errorf("%d entries of a list that lost one", len(said))
	}
	if _, err := people.Find(authority.Person{Name: "alice", Identity: "a"}); err == nil {
		t.Error("who was taken out is found")
	}
}
