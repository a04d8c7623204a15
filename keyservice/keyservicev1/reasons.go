// Package keyservicev1 is the protocol between the controllers of a fleet and
// its key service: keyservice.proto, what is generated from it, and the reasons
// that its errors carry.
package keyservicev1

import "strings"

// Headers of a refusal with ReasonRole: the roles, one of which it takes, and those
// that the person has.
const (
	HeaderRolesNeeded = "Bulla-Roles-Needed"
	HeaderRolesHad    = "Bulla-Roles-Had"
)

// Reasons why a whole request was refused. They are the entire message of the
// error: a caller gets a code, the detail is in the service's log. Programs
// branch on them.
const (
	// ReasonCertificate: no client certificate, or not a valid one of this fleet.
	ReasonCertificate = "Certificate"
	// ReasonNotInFleet: the accepted head has no Cluster file of that name.
	ReasonNotInFleet = "NotInFleet"
	// ReasonIdentity: the Cluster file names another public key.
	ReasonIdentity = "IdentityMismatch"
	// ReasonSuspended: the Cluster file says suspend.
	ReasonSuspended = "Suspended"
	// ReasonPerson: the service's configuration does not have that person, or
	// with another public key; or it gives no role to any group of their token.
	ReasonPerson = "Person"
	// ReasonRole: the person's roles do not cover what was asked for.
	ReasonRole = "Role"
	// ReasonToken: the token of an OpenID provider does not count: it is too old, not for
	// this fleet's client, of another issuer, or not signed by it.
	ReasonToken = "IDToken"
	// ReasonJoinToken: the join token is unknown, used, expired or not for this.
	ReasonJoinToken = "Token"
	// ReasonNameTaken: another machine enrolled under that name. Only who holds a
	// good token is told.
	ReasonNameTaken = "NameTaken"
	// ReasonLedgerFull: the ledger keeps no more of this cluster.
	ReasonLedgerFull = "LedgerFull"
	// ReasonTooMuch: the answer would be too large; ask for less.
	ReasonTooMuch = "TooMuch"
	// ReasonNoDenial: no denial of that number counts.
	ReasonNoDenial = "NoDenial"
	// ReasonNoStub: the store has no stub of that digest.
	ReasonNoStub = "NoStub"
	// ReasonStubQuota: the stubs of the person, or of all, take all the room they have.
	ReasonStubQuota = "StubQuota"
	// ReasonRequest: the request itself is malformed.
	ReasonRequest = "Request"
	// ReasonLimited: the caller is over its own quota; come back after the time in
	// the header Retry-After.
	ReasonLimited = "Limited"
	// ReasonOverloaded: too many requests of everybody; as above.
	ReasonOverloaded = "Overloaded"
	// ReasonUnavailable: the service cannot decide or record now; retry later.
	ReasonUnavailable = "Unavailable"
	// ReasonStale: the service has not seen for too long whether its accepted head
	// is still the newest, and opens nothing until it has; retry later.
	ReasonStale = "RepositoryStale"
	// ReasonHeadRefused: the service sees a tip of the repository that it has not
	// been able to accept for too long, and opens nothing until that is mended; retry
	// later.
	ReasonHeadRefused = "HeadRefused"
)

// Name is the refusal as people and metrics spell it: NotPlaced for
// REFUSAL_NOT_PLACED, Granted for REFUSAL_UNSPECIFIED.
func (r Refusal) Name() string {
	if r == Refusal_REFUSAL_UNSPECIFIED {
		return "Granted"
	}
	return camel(strings.TrimPrefix(r.String(), "REFUSAL_"))
}

// Name is the state as people spell it: InUse for SECRET_STATE_IN_USE, Unknown
// for SECRET_STATE_UNSPECIFIED.
func (s SecretState) Name() string {
	if s == SecretState_SECRET_STATE_UNSPECIFIED {
		return "Unknown"
	}
	return camel(strings.TrimPrefix(s.String(), "SECRET_STATE_"))
}

func camel(upper string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(upper, "_") {
		name.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return name.String()
}
