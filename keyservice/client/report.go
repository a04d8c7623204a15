package client

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// MaxSecrets is how many secrets one report may have; a request's body has at
// most 256 KiB besides.
const MaxSecrets = 1000

const (
	// MaxDeliveries is how many placements one report may have a word on.
	MaxDeliveries = 2000
	// MaxMessage is how long the message of one may be, in bytes.
	MaxMessage = 512
)

// Report says what became of secrets on this cluster. wanted asks for a complete
// report: the ledger lacks what came before.
func (c *Client) Report(ctx context.Context, in *keyservicev1.ReportRequest) (wanted bool, err error) {
	if c.err != nil {
		return false, c.err
	}
	if len(in.GetSecrets()) > MaxSecrets {
		return false, fmt.Errorf("report to key service: %d secrets, at most %d", len(in.GetSecrets()), MaxSecrets)
	}
	out, err := c.rpc.Report(ctx, in)
	if err != nil {
		return false, classify(err)
	}
	return out.GetCompleteWanted(), nil
}
