package keyservice

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Role is what a person may do. Roles do not include one another; who needs two
// has two.
type Role string

const (
	// RoleOperator runs the service: rewraps locks, accepts a rewritten history,
	// and reads everything.
	RoleOperator Role = "operator"
	// RoleAuditor reads everything and changes nothing.
	RoleAuditor Role = "auditor"
	// RoleDeveloper reads what became of secrets, not who asked for them.
	RoleDeveloper Role = "developer"
)

// roles are all there are.
var roles = []Role{RoleOperator, RoleAuditor, RoleDeveloper}

// Person is somebody who may use the service. The certificate proves the key,
// the configuration says whose key it is and what it may do: a certificate alone
// grants nothing, and outlives no entry.
type Person struct {
	// Name stands in the certificate and in the audit log.
	Name string `yaml:"name"`
	// Identity is "sha256:" and the hash of the person's public key, as `bulla
	// login` prints it.
	Identity string `yaml:"identity"`
	Roles    []Role `yaml:"roles"`
}

// maxPeople bounds the list, and with it what is kept for each.
const maxPeople = 1000

// checkPeople finds the entries that cannot be served with. A key that stands for
// two people would make the audit log say the wrong name.
func checkPeople(m *mistakes, people []Person) {
	if len(people) > maxPeople {
		m.when(true, "people", fmt.Sprintf("has more than %d entries", maxPeople), "")
		return
	}
	names, keys := map[string]bool{}, map[string]bool{}
	for n, p := range people {
		at := fmt.Sprintf("people[%d].", n)
		m.when(!protocol.IsPersonName(p.Name), at+"name", fmt.Sprintf("%q is not a name", p.Name), "lower-case letters, digits, '.', '_' and '-', at most 63")
		m.when(names[p.Name], at+"name", fmt.Sprintf("%q stands twice", p.Name), "a person has one entry and one key")
		m.when(!hexid.IsDigest(p.Identity), at+"identity", "is not sha256: and 64 hexadecimal digits", "`bulla login` prints it")
		m.when(keys[p.Identity], at+"identity", "is another person's too", "the audit log could not tell them apart")
		problem, hint := rolesProblem(p.Roles)
		m.when(problem != "", at+"roles", problem, hint)
		names[p.Name], keys[p.Identity] = true, true
	}
}

func rolesProblem(given []Role) (problem, hint string) {
	hint = "roles are operator, auditor and developer"
	if len(given) == 0 {
		return "is missing", hint
	}
	for n, role := range given {
		if !slices.Contains(roles, role) {
			return fmt.Sprintf("%q is not a role", string(role)), hint
		}
		if slices.Contains(given[:n], role) {
			return fmt.Sprintf("%q stands twice", string(role)), hint
		}
	}
	return "", ""
}

// roster is the people of one configuration, by name. It is immutable.
type roster map[string]Person

func newRoster(people []Person) *roster {
	r := make(roster, len(people))
	for _, p := range people {
		r[p.Name] = p
	}
	return &r
}

// SetPeople replaces who may use the service, for every request from now on, on
// open connections too. It counts even if the audit log cannot be told.
func (s *Server) SetPeople(ctx context.Context, people []Person) error {
	var m mistakes
	if checkPeople(&m, people); len(m.list) > 0 {
		return fmt.Errorf("set people: %s %s", m.list[0].Field, m.list[0].Problem)
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

func spellRoles(given []Role) string {
	names := make([]string, len(given))
	for i, role := range given {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}

// findPerson returns the entry of the configuration that a name and the key in
// the certificate have.
func (r roster) findPerson(name, identity string) (Person, error) {
	p, ok := r[name]
	if !ok {
		return Person{}, errors.New("the configuration does not have this person")
	}
	if !isPersonsKey(p, identity) {
		return Person{}, errors.New("the configuration has another key for this person")
	}
	return p, nil
}

// isPersonsKey holds the certificate's public key to the one in the
// configuration: a certificate for a name that was given to somebody new, or
// that the authority was tricked into, has the wrong key.
func isPersonsKey(p Person, identity string) bool { return p.Identity == identity }

// mayUse reports whether one of the person's roles is among a route's.
func mayUse(p Person, admitted []Role) bool {
	return slices.ContainsFunc(p.Roles, func(role Role) bool { return slices.Contains(admitted, role) })
}
