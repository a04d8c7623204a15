package client

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// hold checks an answer against the log and remembers the log's new state. Until
// it returns nil nothing of the answer is used.
func (c *Client) hold(ctx context.Context, w *witness, asked *keyservicev1.UnsealRequest, answer *keyservicev1.UnsealResponse) error {
	checkpoint, err := w.open(answer.GetLog())
	if err != nil {
		return err
	}
	for _, result := range answer.GetResults() {
		want := c.recorded(asked, answer, result)
		if err := checkRecorded(checkpoint, result, want); err != nil {
			return &LogError{fmt.Errorf("stub %s: %w", result.GetDigest(), err)}
		}
	}
	return w.advance(ctx, checkpoint, answer.GetLog().GetCheckpoint(), c.prove)
}

// recorded is what the log must say of a result.
func (c *Client) recorded(asked *keyservicev1.UnsealRequest, answer *keyservicev1.UnsealResponse, result *keyservicev1.UnsealResult) audit.Entry {
	return audit.Entry{
		Kind: audit.Unseal, Outcome: result.GetRefusal().Name(), Request: protocol.RequestID(asked.GetNonce()),
		Fleet: c.fleet, Cluster: c.cluster, Certificate: c.leaf.SerialNumber.Text(16), Identity: protocol.SPKIHash(c.leaf),
		Head: answer.GetHead(), Revision: asked.GetRevision(), Digest: result.GetDigest(),
	}
}

// checkRecorded checks that a result is in the log. A refusal may be counted
// together with earlier ones instead.
func checkRecorded(c audit.Checkpoint, result *keyservicev1.UnsealResult, want audit.Entry) error {
	in := result.GetInclusion()
	granted := result.GetRefusal() == keyservicev1.Refusal_REFUSAL_UNSPECIFIED
	switch {
	case in == nil && granted:
		return fmt.Errorf("%w: the answer does not show it", audit.ErrInclusion)
	case in == nil:
		return nil
	case in.GetIndex() > audit.MaxSize:
		return fmt.Errorf("entry %d is past every log", in.GetIndex())
	}
	if err := audit.CheckInclusion(c, int64(in.GetIndex()), in.GetEntry(), in.GetProof()); err != nil {
		return err
	}
	entry, err := audit.ParseEntry(in.GetEntry())
	if err != nil {
		return err
	}
	return entrySays(entry, want)
}

// entrySays checks that an entry records exactly this decision: one about
// another stub, for another cluster or at another head would hide this one.
func entrySays(entry, want audit.Entry) error {
	for _, field := range []struct{ name, got, want string }{
		{"kind", string(entry.Kind), string(want.Kind)},
		{"outcome", entry.Outcome, want.Outcome},
		{"fleet", entry.Fleet, want.Fleet},
		{"cluster", entry.Cluster, want.Cluster},
		{"certificate", entry.Certificate, want.Certificate},
		{"identity", entry.Identity, want.Identity},
		{"request", entry.Request, want.Request},
		{"head", entry.Head, want.Head},
		{"revision", entry.Revision, want.Revision},
		{"digest", entry.Digest, want.Digest},
		{"person", entry.Person, want.Person},
	} {
		if field.got != field.want {
			return fmt.Errorf("the log has %s %.80q, and the answer %.80q", field.name, field.got, field.want)
		}
	}
	return nil
}
