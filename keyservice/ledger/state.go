package ledger

import (
	"regexp"
	"time"

	"google.golang.org/protobuf/proto"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// maxManager bounds the name of a field manager, in bytes.
const maxManager = 128

// reasonForm is that of a condition's reason.
var reasonForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]{0,63})?$`)

// checkState holds what a cluster says of itself to its form. Its texts will stand
// on people's terminals, and it may be an attacker's.
func checkState(state *keyservicev1.ClusterState) (problem string) {
	if len(state.GetDeliveries()) > protocol.MaxDeliveries {
		return "more deliveries than a report may have"
	}
	if problem := checkSuspension(state.GetSuspended()); problem != "" {
		return problem
	}
	if problem := protocol.TextProblem("version", state.GetVersion(), 0, protocol.MaxVersion); problem != "" {
		return problem
	}
	seen := map[string]bool{}
	for _, d := range state.GetDeliveries() {
		if problem := checkDelivery(d); problem != "" || seen[d.GetPlacement()] {
			return "a delivery stands twice, or is malformed: " + problem
		}
		seen[d.GetPlacement()] = true
	}
	return ""
}

func checkDelivery(d *keyservicev1.DeliveryState) (problem string) {
	_, known := keyservicev1.Readiness_name[int32(d.GetReady())]
	switch {
	case !protocol.IsName(d.GetPlacement()):
		return "placement"
	case !known:
		return "readiness"
	case !reasonForm.MatchString(d.GetReason()):
		return "reason"
	case d.GetSince() < 0:
		return "since"
	case d.GetRelease() != "" && !hexid.IsDigest(d.GetRelease()):
		return "release"
	case d.GetVariant() != "" && !protocol.IsName(d.GetVariant()):
		return "variant"
	}
	if problem := protocol.TextProblem("message", d.GetMessage(), 0, protocol.MaxMessage); problem != "" {
		return problem
	}
	return checkSuspension(d.GetSuspended())
}

func checkSuspension(s *keyservicev1.Suspension) (problem string) {
	if s.GetSince() < 0 {
		return "since"
	}
	return protocol.TextProblem("by", s.GetBy(), 0, maxManager)
}

// readState is what a cluster said last; nil where it said nothing that is read.
func readState(data []byte) *keyservicev1.ClusterState {
	state := &keyservicev1.ClusterState{}
	if data == nil || proto.Unmarshal(data, state) != nil {
		return nil
	}
	return state
}

// placements are what the head places, whether it has secrets or not, and what
// does not build.
func (v *ledgerView) placements(in *keyservicev1.ListLedgerRequest) []*keyservicev1.LedgerPlacement {
	var out []*keyservicev1.LedgerPlacement
	for _, name := range sortedKeys(v.head.Model.Placements) {
		if in.GetPlacement() != "" && in.GetPlacement() != name {
			continue
		}
		p := &keyservicev1.LedgerPlacement{Placement: name, Suspended: v.head.Model.Placements[name].Spec.Suspend,
			Clusters: v.head.Model.TargetsOf(name), Ends: ends(v.head.Model, name)}
		for _, cluster := range p.Clusters {
			if x := v.indexes[cluster]; x != nil && x.Broken[name] != "" {
				p.Broken = printable.Line(x.Broken[name], protocol.MaxMessage)
				break
			}
		}
		out = append(out, p)
	}
	return append(out, v.refused(in)...)
}

// ends are where a placement ends by itself, and where it has.
func ends(m *model.Model, placement string) []*keyservicev1.LedgerEnd {
	var out []*keyservicev1.LedgerEnd
	for _, cluster := range m.At(time.Time{}).TargetsOf(placement) {
		if end, ok := m.EndOf(placement, cluster); ok {
			out = append(out, &keyservicev1.LedgerEnd{Cluster: cluster, NotAfter: end.UnixMicro()})
		}
	}
	return out
}

// refused are the placements whose files cannot be read. What they placed before stands
// until they are mended: who sees it called NotPlaced looks for somebody who took it
// away.
func (v *ledgerView) refused(in *keyservicev1.ListLedgerRequest) []*keyservicev1.LedgerPlacement {
	why := map[string]error{}
	for _, problem := range v.head.Model.Problems {
		if problem.Kind != api.KindPlacement || in.GetPlacement() != "" && in.GetPlacement() != problem.Name {
			continue
		}
		err := v.head.Model.Refused(api.KindPlacement, problem.Name)
		if err != nil && v.head.Model.Placements[problem.Name] == nil {
			why[problem.Name] = err
		}
	}
	var out []*keyservicev1.LedgerPlacement
	for _, name := range sortedKeys(why) {
		out = append(out, &keyservicev1.LedgerPlacement{
			Placement: printable.Line(name, protocol.MaxMessage),
			Broken:    printable.Line(why[name].Error(), protocol.MaxMessage),
		})
	}
	return out
}
