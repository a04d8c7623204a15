package authority

import (
	"errors"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
)

// groups are those of one configuration: what members of each may, and who is barred. It
// is immutable.
type groups struct {
	roles  map[string][]config.Role
	barred map[string]bool
}

func newGroups(c config.OIDC) *groups {
	g := &groups{roles: map[string][]config.Role{}, barred: map[string]bool{}}
	for _, one := range c.Groups {
		g.roles[one.Name] = one.Roles
	}
	for _, subject := range c.Barred {
		g.barred[subject] = true
	}
	return g
}

// SetGroups replaces what the groups of an OpenID provider may, and who is barred, for
// every request from now on. It returns what the audit log is to say of that.
func (p *People) SetGroups(c config.OIDC) []audit.Entry {
	after := newGroups(c)
	return p.groups.Swap(after).changes(after)
}

// find returns what a token's groups give together. A token of somebody whose groups give
// nothing is good, and lets in nowhere: the provider has many people.
func (g *groups) find(who Person) (config.Person, error) {
	if g.barred[who.Claims.Subject] {
		return config.Person{}, errors.New("the configuration bars this subject")
	}
	var roles []config.Role
	for _, group := range who.Claims.Groups {
		for _, role := range g.roles[group] {
			if !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	if len(roles) == 0 {
		return config.Person{}, errors.New("the configuration gives no role to any group of the token")
	}
	slices.Sort(roles)
	return config.Person{Name: who.Name, Identity: who.Identity, Roles: roles}, nil
}

// changes is what the audit log says of a new configuration, one entry a group or subject.
func (g *groups) changes(after *groups) []audit.Entry {
	var entries []audit.Entry
	say := func(detail string) {
		entries = append(entries, audit.Entry{Kind: audit.Person, Outcome: audit.Done, Detail: detail})
	}
	for _, name := range slices.Sorted(maps.Keys(after.roles)) {
		if was := g.roles[name]; !slices.Equal(was, after.roles[name]) {
			say("group " + name + " may use the service as " + SpellRoles(after.roles[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g.roles)) {
		if _, stays := after.roles[name]; !stays {
			say("group " + name + " may not use the service any more")
		}
	}
	for _, subject := range slices.Sorted(maps.Keys(after.barred)) {
		if !g.barred[subject] {
			say("subject " + subject + " is barred")
		}
	}
	for _, subject := range slices.Sorted(maps.Keys(g.barred)) {
		if !after.barred[subject] {
			say("subject " + subject + " is barred no more")
		}
	}
	return entries
}
