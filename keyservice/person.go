package keyservice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// admitPerson lets a person through to a route: certificate, entry in the
// configuration, role, rate, and the audit entry of what they are about to do.
// Routes cannot forget to record: what is not on disk is not begun.
func (s *front) admitPerson(ctx context.Context, r *http.Request, route Route) (context.Context, error) {
	who, err := s.people.Authenticate(r)
	if err != nil {
		return nil, s.refuseProof(ctx, route, err)
	}
	entry, err := s.people.Find(who)
	if err != nil {
		return nil, s.denyPerson(ctx, who, route, keyservicev1.ReasonPerson, err)
	}
	if !authority.MayUse(entry, route.Roles) {
		needed, had := authority.SpellRoles(route.Roles), authority.SpellRoles(entry.Roles)
		refused := s.denyPerson(ctx, who, route, keyservicev1.ReasonRole, fmt.Errorf("it takes one of the roles %s, and the person has %s", needed, had))
		return nil, withRoles(refused, needed, had)
	}
	if _, ok := s.limiter.People.Get(who.Name).Allow(); !ok {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, errors.New("too many requests of one person"), "person", who.Name)
	}
	record := s.RecordAct
	if route.Repeats {
		record = s.RecordRead
	}
	if err := record(ctx, who.Entry(audit.Person, audit.Done, path.Base(route.Path))); err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return authority.WithPerson(ctx, who), nil
}

// refuseProof answers who did not show who they are. While the provider is away nothing is
// decided, so nothing is recorded: a good token is told to come again. But who sends so
// many forged ones that the provider is asked no more stands in the log for all of them.
func (s *front) refuseProof(ctx context.Context, route Route, why error) error {
	if errors.Is(why, authority.ErrUnknownKey) {
		entry := stranger(route)
		entry.Outcome = keyservicev1.ReasonUnavailable
		return s.RefuseRecorded(ctx, entry, why)
	}
	if errors.Is(why, authority.ErrProvider) {
		return s.Refuse(keyservicev1.ReasonUnavailable, why, "procedure", path.Base(route.Path))
	}
	entry := stranger(route)
	if errors.Is(why, authority.ErrToken) {
		entry.Outcome = keyservicev1.ReasonToken
	}
	return s.RefuseRecorded(ctx, entry, why)
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

func (s *front) denyPerson(ctx context.Context, who authority.Person, route Route, reason string, why error) error {
	if err := s.RecordDenials(ctx, who.Entry(audit.Person, reason, path.Base(route.Path))); err != nil {
		return s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return s.Refuse(reason, why, "person", who.Name, "identity", who.Identity, "procedure", path.Base(route.Path))
}
