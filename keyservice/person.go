package keyservice

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// person is who asks, from the client certificate and the configuration.
type person struct {
	fleet, name string
	// identity is "sha256:" and the hash of the certificate's public key.
	identity string
	serial   string
}

type personKey struct{}

func personOf(ctx context.Context) (person, error) {
	p, ok := ctx.Value(personKey{}).(person)
	if !ok {
		return person{}, errors.New("read person: the route did not authenticate it")
	}
	return p, nil
}

// readPerson is the person behind a connection. It does not read a cluster's
// certificate, as readCaller does not read a person's.
func (a *authority) readPerson(state *tls.ConnectionState) (person, error) {
	leaf, err := a.readLeaf(state)
	if err != nil {
		return person{}, err
	}
	fleet, name, err := protocol.ParsePersonURI(leaf)
	if err != nil {
		return person{}, err
	}
	if fleet != a.fleet {
		return person{}, errors.New("the client certificate is of another fleet")
	}
	return person{fleet: fleet, name: name, identity: protocol.SPKIHash(leaf), serial: leaf.SerialNumber.Text(16)}, nil
}

// admitPerson lets a person through to a route: certificate, entry in the
// configuration, role, rate, and the audit entry of what they are about to do.
// Routes cannot forget to record: what is not on disk is not begun.
func (s *Server) admitPerson(ctx context.Context, state *tls.ConnectionState, route Route) (context.Context, error) {
	who, err := s.authority.readPerson(state)
	if err != nil {
		return nil, s.refuseRecorded(ctx, stranger(route), err)
	}
	entry, err := s.people.Load().findPerson(who.name, who.identity)
	if err != nil {
		return nil, s.denyPerson(ctx, who, route, keyservicev1.ReasonPerson, err)
	}
	if !mayUse(entry, route.Roles) {
		needed, had := spellRoles(route.Roles), spellRoles(entry.Roles)
		refused := s.denyPerson(ctx, who, route, keyservicev1.ReasonRole, fmt.Errorf("it takes one of the roles %s, and the person has %s", needed, had))
		return nil, withRoles(refused, needed, had)
	}
	if _, ok := s.limiter.People.Get(who.name).Allow(); !ok {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, errors.New("too many requests of one person"), "person", who.name)
	}
	if err := s.recordAct(ctx, who.entry(audit.Person, outcomeDone, path.Base(route.Path))); err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "person", who.name)
	}
	return context.WithValue(ctx, personKey{}, who), nil
}

// withRoles tells a person, whose certificate and entry are good, what they lack.
func withRoles(refused error, needed, had string) error {
	var answer *connect.Error
	if errors.As(refused, &answer) && answer.Message() == keyservicev1.ReasonRole {
		answer.Meta().Set(keyservicev1.HeaderRolesNeeded, needed)
		answer.Meta().Set(keyservicev1.HeaderRolesHad, had)
	}
	return refused
}

func (s *Server) denyPerson(ctx context.Context, who person, route Route, reason string, why error) error {
	if err := s.recordDenial(ctx, who.entry(audit.Person, reason, path.Base(route.Path))); err != nil {
		return s.refuse(keyservicev1.ReasonUnavailable, err, "person", who.name)
	}
	return s.refuse(reason, why, "person", who.name, "identity", who.identity, "procedure", path.Base(route.Path))
}

// entry is one of the audit log under a person's name.
func (who person) entry(kind audit.Kind, outcome, detail string) audit.Entry {
	return audit.Entry{Kind: kind, Outcome: outcome, Person: who.name, Certificate: who.serial, Identity: who.identity, Detail: detail}
}
