package keyservice

import (
	"net/http"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
)

// Auth says who may use a route.
type Auth string

const (
	// AuthJoinToken says that the body carries a join token, which the handler spends. A
	// client certificate is neither needed nor looked at.
	AuthJoinToken Auth = "join token"
	// AuthCertificate demands a client certificate of the fleet's authority,
	// checked for this request. The handler asks the accepted head about its name.
	AuthCertificate Auth = "client certificate"
	// AuthExpired demands the same, but the certificate may have expired of late.
	AuthExpired Auth = "client certificate, expired or not"
	// AuthPerson demands a person's certificate, whose name, key and role the
	// configuration has, or the token of an OpenID provider with a group that it has;
	// checked for this request.
	AuthPerson Auth = "person's certificate or token"
)

// Route is one entry of the attack surface.
type Route struct {
	Method, Path string
	// Body is the greatest body, in bytes; it also bounds what it unpacks to.
	Body int64
	// Timeout bounds the handler.
	Timeout time.Duration
	// InFlight bounds requests at a time; twice as many wait, for at most half of
	// Timeout, and the rest are told when to come back.
	InFlight int
	Auth     Auth
	// Held says that a request waits for something to happen. It takes none of the
	// places that its caller has for requests under way: package notices bounds how
	// many each holds.
	Held bool
	// Repeats says that pages ask it again by themselves, and that it changes nothing: what a
	// person asks of it is an entry once, and a count after that. For AuthPerson only.
	Repeats bool
	// Roles, one of which a person must have; for AuthPerson only.
	Roles []config.Role
}

const (
	// maxBody is the greatest Body of all routes: a stub, and what is around it.
	maxBody = api.MaxStoredStub + 64
	// maxHeld bounds a call that waits. It is less than what bounds every answer, see
	// [Server.httpServer], and more than what package notices holds one for.
	maxHeld = 110 * time.Second
	// heldCalls is how many calls wait at most: as many as there are connections,
	// unless limits.connections says more.
	heldCalls = 1 << 14
)

// Routes is everything that the TLS listener answers.
func Routes() []Route {
	return []Route{
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceBeginEnrollProcedure, Body: 16 << 10, Timeout: 15 * time.Second, InFlight: 16, Auth: AuthJoinToken},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceCompleteEnrollProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 16, Auth: AuthJoinToken},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceRenewProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 64, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceProveConsistencyProcedure, Body: 1 << 10, Timeout: 15 * time.Second, InFlight: 64, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceUnsealProcedure, Body: 128 << 10, Timeout: 60 * time.Second, InFlight: 256, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceReportProcedure, Body: 256 << 10, Timeout: 15 * time.Second, InFlight: 64, Auth: AuthCertificate},
		{
			Method: http.MethodPost, Path: keyservicev1connect.KeyServiceAwaitHeadProcedure, Body: 1 << 10,
			Timeout: maxHeld, InFlight: heldCalls, Auth: AuthCertificate, Held: true,
		},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceProveRewriteProcedure, Body: 1 << 10,
			Timeout: 30 * time.Second, InFlight: 8, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceMayTakeProcedure, Body: 1 << 10,
			Timeout: 30 * time.Second, InFlight: 64, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceListAuditProcedure, Body: 4 << 10, Timeout: 60 * time.Second, InFlight: 8, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceListLedgerProcedure, Body: 4 << 10,
			Timeout: 60 * time.Second, InFlight: 8, Auth: AuthPerson, Repeats: true,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceRewrapProcedure, Body: 128 << 10, Timeout: 100 * time.Second, InFlight: 2, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceAcceptHistoryProcedure, Body: 1 << 10, Timeout: 60 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceDenyProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceLiftDenialProcedure, Body: 1 << 10, Timeout: 15 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceListDenialsProcedure, Body: 1 << 10, Timeout: 15 * time.Second, InFlight: 8, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceListRolloutsProcedure, Body: 1 << 10,
			Timeout: 60 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServicePromoteRolloutProcedure, Body: 1 << 10,
			Timeout: 60 * time.Second, InFlight: 4, Auth: AuthPerson, Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServicePauseRolloutProcedure, Body: 1 << 10,
			Timeout: 15 * time.Second, InFlight: 4, Auth: AuthPerson, Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceLookProcedure, Body: 1 << 10, Timeout: 60 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServicePutStubProcedure, Body: maxBody,
			Timeout: 30 * time.Second, InFlight: 4, Auth: AuthPerson, Roles: []config.Role{config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceGetStubProcedure, Body: 1 << 10,
			Timeout: 30 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceDescribeProcedure, Body: 1 << 10,
			Timeout: 15 * time.Second, InFlight: 4, Auth: AuthPerson, Repeats: true,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
	}
}

// RenewalRoutes is everything that the renewal listener answers: a cluster whose
// certificate expired, of late, gets a fresh one there, and nothing else.
func RenewalRoutes() []Route {
	return []Route{
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceRenewProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 16, Auth: AuthExpired},
	}
}
