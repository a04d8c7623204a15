package client

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/printable"
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
	c.takeFollows(out.GetFollows())
	return out.GetHead(), nil
}

// Follows is which commit of the fleet repository the service follows: Tag or SemVer
// choose among the tags of Ref, neither is its newest.
type Follows struct{ Ref, Tag, SemVer string }

// maxFollows bounds what a service says of it, in bytes each.
const maxFollows = 256

// takeFollows keeps what the service said of itself. It will stand in a status, and the
// service may be an attacker's.
func (c *Client) takeFollows(said *keyservicev1.Follows) {
	if said == nil {
		return
	}
	c.follows.Store(&Follows{Ref: printable.Line(said.GetRef(), maxFollows), Tag: printable.Line(said.GetTag(), maxFollows),
		SemVer: printable.Line(said.GetSemver(), maxFollows)})
}

// Follows is what the service said with its last answer to [Client.AwaitHead]; ok is
// false before that, and of a service that does not say it.
func (c *Client) Follows() (f Follows, ok bool) {
	said := c.follows.Load()
	if said == nil {
		return f, false
	}
	return *said, true
}
