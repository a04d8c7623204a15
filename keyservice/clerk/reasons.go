package clerk

import (
	"errors"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// codes maps reasons to the protocol's codes. A reason is all that a caller
// gets; what is behind it goes to the log.
var codes = map[string]connect.Code{
	keyservicev1.ReasonCertificate: connect.CodeUnauthenticated,
	keyservicev1.ReasonJoinToken:   connect.CodeUnauthenticated,
	keyservicev1.ReasonToken:       connect.CodeUnauthenticated,
	keyservicev1.ReasonNameTaken:   connect.CodeAlreadyExists,
	keyservicev1.ReasonNotInFleet:  connect.CodePermissionDenied,
	keyservicev1.ReasonIdentity:    connect.CodePermissionDenied,
	keyservicev1.ReasonSuspended:   connect.CodePermissionDenied,
	keyservicev1.ReasonPerson:      connect.CodePermissionDenied,
	keyservicev1.ReasonRole:        connect.CodePermissionDenied,
	keyservicev1.ReasonLedgerFull:  connect.CodeFailedPrecondition,
	keyservicev1.ReasonTooMuch:     connect.CodeInvalidArgument,
	keyservicev1.ReasonNoDenial:    connect.CodeNotFound,
	keyservicev1.ReasonNoStub:      connect.CodeNotFound,
	keyservicev1.ReasonStubQuota:   connect.CodeFailedPrecondition,
	keyservicev1.ReasonRequest:     connect.CodeInvalidArgument,
	keyservicev1.ReasonUnavailable: connect.CodeUnavailable,
	keyservicev1.ReasonStale:       connect.CodeUnavailable,
	keyservicev1.ReasonHeadRefused: connect.CodeUnavailable,
	keyservicev1.ReasonLimited:     connect.CodeResourceExhausted,
	keyservicev1.ReasonOverloaded:  connect.CodeResourceExhausted,
}

// WireError is the answer of a reason, and nothing else.
func WireError(reason string) error {
	return connect.NewError(codes[reason], errors.New(reason))
}
