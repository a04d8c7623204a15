package client

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// ErrNoNotices says that the service has no call to wait with: it is of before, or
// something stands before it.
var ErrNoNotices = errors.New("the key service tells of no heads")

// AwaitHead returns when another head is accepted than known, "" for none; after a
// minute or two with the same. It is for looking at Git: whoever holds the service can
// say any head. It matches [ErrNoNotices] where the service has no such call.
func (c *Client) AwaitHead(ctx context.Context, known string) (head string, err error) {
	if c.err != nil {
		return "", c.err
	}
	out, err := c.held.AwaitHead(ctx, &keyservicev1.AwaitHeadRequest{Head: known})
	switch {
	case connect.CodeOf(err) == connect.CodeUnimplemented:
		return "", ErrNoNotices
	case err != nil:
		return "", classify(err)
	case !hexid.IsCommit(out.GetHead()):
		return "", &UnavailableError{Err: errors.New("read notice: it names no commit")}
	}
	return out.GetHead(), nil
}
