package console

import (
	"context"

	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Service is what pages ask the key service, in the name of one person: *[client.Admin] is
// one. Each call may fail with a [*client.DeniedError], where the person's roles do not
// cover it, or match [client.ErrUnavailable]. It is safe for concurrent use.
//
// There is no unseal among them, and no call that changes who may do what: the console has
// nothing that it could be made to open.
type Service interface {
	// Fleet is the fleet that the login is of, Person whom it names.
	Fleet() string
	Person() string

	// ListLedger says what became of each secret on each cluster.
	ListLedger(context.Context, *keyservicev1.ListLedgerRequest) (*keyservicev1.ListLedgerResponse, error)
	// ListRollouts says how far the release of a placement came, or of each one with waves.
	ListRollouts(ctx context.Context, placement string) (*keyservicev1.ListRolloutsResponse, error)
	// ReadAudit reads the audit log, and verifies what it reads.
	ReadAudit(ctx context.Context, log *client.Log, in *keyservicev1.ListAuditRequest) (*client.AuditPage, error)
	// Describe says which build the service is, what of it works, and the person's roles.
	Describe(context.Context) (*keyservicev1.DescribeResponse, error)
	// Look has the service look at Git now.
	Look(context.Context) (*keyservicev1.LookResponse, error)

	// PutStub and GetStub keep and give ciphertext that references in Git name.
	PutStub(ctx context.Context, stub []byte) (digest string, was bool, err error)
	GetStub(ctx context.Context, digest string) ([]byte, error)
}

var _ Service = (*client.Admin)(nil)
