package keyservice

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// SetPeople replaces who may use the service, for every request from now on, on
// open connections too. It counts even if the audit log cannot be told.
func (s *Server) SetPeople(ctx context.Context, people []config.Person) error {
	if err := config.CheckPeople(people); err != nil {
		return fmt.Errorf("set people: %w", err)
	}
	before, after := *s.people.Load(), newRoster(people)
	s.people.Store(after)
	if entries := changesOf(before, *after); len(entries) > 0 {
		if _, err := s.journal.Leave(ctx, entries); err != nil {
			return fmt.Errorf("set people: they count, and the audit log does not say so: %w", err)
		}
	}
	return nil
}

// changesOf is what the audit log says of a new list, one entry a person.
func changesOf(before, after roster) []audit.Entry {
	var entries []audit.Entry
	for _, name := range slices.Sorted(maps.Keys(after)) {
		p := after[name]
		if was, ok := before[name]; !ok || was.Identity != p.Identity || !slices.Equal(was.Roles, p.Roles) {
			entries = append(entries, audit.Entry{Kind: audit.Person, Outcome: outcomeDone, Person: name, Identity: p.Identity,
				Detail: "may use the service as " + spellRoles(p.Roles)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[name]; !stays {
			entries = append(entries, audit.Entry{Kind: audit.Person, Outcome: outcomeDone, Person: name, Identity: before[name].Identity,
				Detail: "may not use the service any more"})
		}
	}
	return entries
}

func spellRoles(given []config.Role) string {
	names := make([]string, len(given))
	for i, role := range given {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}

// findPerson returns the entry of the configuration that a name and the key in
// the certificate have.
func (r roster) findPerson(name, identity string) (config.Person, error) {
	p, ok := r[name]
	if !ok {
		return config.Person{}, errors.New("the configuration does not have this person")
	}
	if !isPersonsKey(p, identity) {
		return config.Person{}, errors.New("the configuration has another key for this person")
	}
	return p, nil
}

// isPersonsKey holds the certificate's public key to the one in the
// configuration: a certificate for a name that was given to somebody new, or
// that the authority was tricked into, has the wrong key.
func isPersonsKey(p config.Person, identity string) bool { return p.Identity == identity }

// mayUse reports whether one of the person's roles is among a route's.
func mayUse(p config.Person, admitted []config.Role) bool {
	return slices.ContainsFunc(p.Roles, func(role config.Role) bool { return slices.Contains(admitted, role) })
}
