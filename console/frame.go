package console

import (
	"context"

	"github.com/bulla-dev/bulla/console/pages"
	"github.com/bulla-dev/bulla/sealing"
)

// navigation is all sections, in their order.
var navigation = []pages.Link{
	{Section: "fleet", Path: "/", Label: "Fleet"},
	{Section: "secrets", Path: "/secrets", Label: "Secrets"},
	{Section: "new", Path: "/new", Label: "New secret"},
	{Section: "requests", Path: "/requests", Label: "Requests"},
	{Section: "clusters", Path: "/clusters", Label: "Clusters"},
	{Section: "enrolment", Path: "/enrolment", Label: "Enrolment"},
	{Section: "who", Path: "/who", Label: "Who could read"},
	{Section: "audit", Path: "/audit", Label: "Audit log"},
	{Section: "keys", Path: "/keys", Label: "Keys"},
}

// frame is what stands around a page. What cannot be read is left out: the page itself
// says why.
func (c *Console) frame(ctx context.Context) pages.Frame {
	frame := pages.Frame{Navigation: navigation, SignsOut: c.team != nil}
	s, err := c.clone.Snapshot(ctx)
	if err != nil {
		return frame
	}
	frame.Commit, frame.Committed = s.Commit, c.clone.Committed(s.Commit)
	fleet := s.Model.Fleet
	if fleet == nil {
		return frame
	}
	frame.Fleet, frame.FleetID = fleet.Metadata.Name, fleet.Spec.ID
	if c.rootKey == nil {
		return frame
	}
	key, err := c.rootKey(fleet)
	if err == nil {
		frame.RootKey, err = sealing.Fingerprint(key)
	}
	if err != nil {
		frame.Unverified = err.Error()
	}
	return frame
}
