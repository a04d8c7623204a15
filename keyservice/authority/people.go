package authority

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
)

// roster is the people of one configuration, by name. It is immutable.
type roster map[string]config.Person

func newRoster(people []config.Person) *roster {
	r := make(roster, len(people))
	for _, p := range people {
		r[p.Name] = p
	}
	return &r
}

// People are those who may use the service: who they are by one of several kinds
// of proof, and what they may by the configuration.
type People struct {
	roster atomic.Pointer[roster]
	groups atomic.Pointer[groups]
	by     []Authenticator
}

// NewPeople makes it. The authenticators are asked in their order.
func NewPeople(list []config.Person, by ...Authenticator) *People {
	p := &People{by: by}
	p.roster.Store(newRoster(list))
	p.groups.Store(&groups{})
	return p
}

// Authenticate says who is behind a request. What they may is another question.
func (p *People) Authenticate(r *http.Request) (Person, error) {
	err := ErrNotMine
	for _, kind := range p.by {
		var who Person
		if who, err = kind.Authenticate(r); !errors.Is(err, ErrNotMine) {
			return who, err
		}
	}
	return Person{}, err
}

// Find is the configuration's entry for somebody who was authenticated.
func (p *People) Find(who Person) (config.Person, error) {
	if who.Claims != nil {
		return p.groups.Load().find(who)
	}
	return p.roster.Load().find(who.Name, who.Identity)
}

// Set replaces the list, for every request from now on, on open connections too.
// It returns what the audit log is to say of that, one entry a person.
func (p *People) Set(list []config.Person) []audit.Entry {
	after := newRoster(list)
	return changes(*p.roster.Swap(after), *after)
}

// Entries is what the audit log is to say of both lists, at a start.
func (p *People) Entries() []audit.Entry {
	return append(changes(nil, *p.roster.Load()), (&groups{}).changes(p.groups.Load())...)
}

// changes is what the audit log says of a new list, one entry a person.
func changes(before, after roster) []audit.Entry {
	var entries []audit.Entry
	for _, name := range slices.Sorted(maps.Keys(after)) {
		p := after[name]
		if was, ok := before[name]; !ok || was.Identity != p.Identity || !slices.Equal(was.Roles, p.Roles) {
			entries = append(entries, audit.Entry{Kind: audit.Person, Outcome: audit.Done, Person: name, Identity: p.Identity,
				Detail: "may use the service as " + SpellRoles(p.Roles)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[name]; !stays {
			entries = append(entries, audit.Entry{Kind: audit.Person, Outcome: audit.Done, Person: name, Identity: before[name].Identity,
				Detail: "may not use the service any more"})
		}
	}
	return entries
}

// SpellRoles is a list of roles for people to read.
func SpellRoles(given []config.Role) string {
	names := make([]string, len(given))
	for i, role := range given {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}

// find returns the entry of the configuration that a name and the key in the
// certificate have. A certificate for a name that was given to somebody new, or
// that the authority was tricked into, has the wrong key.
func (r roster) find(name, identity string) (config.Person, error) {
	p, ok := r[name]
	if !ok {
		return config.Person{}, errors.New("the configuration does not have this person")
	}
	if p.Identity != identity {
		return config.Person{}, errors.New("the configuration has another key for this person")
	}
	return p, nil
}

// MayUse reports whether one of the person's roles is among a route's.
func MayUse(p config.Person, admitted []config.Role) bool {
	return slices.ContainsFunc(p.Roles, func(role config.Role) bool { return slices.Contains(admitted, role) })
}
