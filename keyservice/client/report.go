package client

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Report says what became of secrets on this cluster. wanted asks for a complete
// report: the ledger lacks what came before.
func (c *Client) Report(ctx context.Context, in *keyservicev1.ReportRequest) (wanted bool, err error) {
	if c.err != nil {
		return false, c.err
	}
	if len(in.GetSecrets()) > protocol.MaxSecrets {
		return false, fmt.Errorf("report to key service: %d secrets, at most %d", len(in.GetSecrets()), protocol.MaxSecrets)
	}
	out, err := c.rpc.Report(ctx, in)
	if err != nil {
		return false, classify(err)
	}
	c.clock.note(out.GetTime())
	return out.GetCompleteWanted(), nil
}
