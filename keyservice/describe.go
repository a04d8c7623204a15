package keyservice

import (
	"context"
	"slices"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// describing says to people what the service is, and how it is.
type describing struct {
	*clerk.Clerk

	version   string
	health    *health
	pushes    *pushes
	authority *authority.Authority
	people    *authority.People
}

// Describe says which build the service is, what of it works, and what the caller may use
// it as. The token is asked as seldom as readiness does it, however often people ask.
func (s *describing) Describe(ctx context.Context, _ *keyservicev1.DescribeRequest) (
	*keyservicev1.DescribeResponse, error,
) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	entry, err := s.people.Find(who)
	if err != nil { // taken away since the route let them in
		return nil, s.Refuse(keyservicev1.ReasonPerson, err, "person", who.Name)
	}
	out := &keyservicev1.DescribeResponse{Version: s.version, Time: s.Now().UnixMicro(),
		AuthorityNotAfter: s.authority.Certificate().NotAfter.UnixMicro()}
	for _, p := range append(s.health.parts(ctx), s.pushes.parts(s.Now())...) {
		out.Parts = append(out.Parts, &keyservicev1.ServicePart{Name: printable.Line(p.name, protocol.MaxMessage),
			Fitness: p.fitness, Says: printable.Line(p.says, protocol.MaxMessage)})
	}
	for _, role := range slices.Sorted(slices.Values(entry.Roles)) {
		out.Roles = append(out.Roles, string(role))
	}
	return out, nil
}
