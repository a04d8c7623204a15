package client

import (
	"context"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// MayTake says whether this cluster may take a release of a placement now; why and again
// are the service's words where it may not.
func (c *Client) MayTake(ctx context.Context, in *keyservicev1.MayTakeRequest) (
	may bool, why string, again time.Duration, err error,
) {
	if c.err != nil {
		return false, "", 0, c.err
	}
	out, err := c.rpc.MayTake(ctx, in)
	if err != nil {
		return false, "", 0, classify(err)
	}
	return out.GetMay(), out.GetWhy(), time.Duration(out.GetAgain()) * time.Microsecond, nil
}

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
