package telling

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/notify"
)

// stand is how a cluster fares with a commit.
type stand int

const (
	waits stand = iota // it has not come to it, or is at work
	ready
	broken
)

// waiting are the reasons of what is not ready and needs nobody: it goes on by itself,
// or somebody holds it on purpose. They are those of the controller's conditions.
var waiting = []string{"WaitingForWave", "WaitingForWindow", "DependencyNotReady", "Progressing", "Suspended"}

// told is what was told last, of one head.
type told struct {
	head *heads.Head
	sets map[string]notify.Notice
}

// look tells how each set fares with the head in use. settled says that all are ready.
func (t *Telling) look(ctx context.Context, sets map[string]bool) (settled bool, err error) {
	at := t.Heads.Current()
	if at == nil {
		return false, nil
	}
	clusters, err := t.clusters(ctx, at)
	if err != nil {
		return false, err
	}
	if before := t.last; before.head == nil || before.head.Hash != at.Hash {
		t.supersede(before, at)
		t.last.sets = map[string]notify.Notice{}
	}
	t.last.head, settled = at, true
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		n := noticeOf(at.Model, name, clusters)
		n.Revision, n.At = t.revision(at), t.Now()
		if before, ok := t.last.sets[name]; !ok || notify.IsNews(before, n) {
			t.last.sets[name] = n
			t.offerSet(n)
		}
		settled = settled && n.Ready
	}
	return settled, nil
}

// supersede ends what was told of the head before, which no cluster will come to any
// more: a status that is pending for ever would be waited for.
func (t *Telling) supersede(before told, by *heads.Head) {
	for _, n := range before.sets {
		if n.Pending {
			n.Message, n.At = fmt.Sprintf("superseded by %.12s: %s", by.Hash, n.Message), t.Now()
			t.offerSet(n)
		}
	}
}

func (t *Telling) revision(at *heads.Head) string {
	format := "sha1"
	if len(at.Hash) == 64 {
		format = "sha256"
	}
	return t.Ref + "@" + format + ":" + at.Hash
}

// clusters are how those fare that the head has work for, with why they do not.
func (t *Telling) clusters(ctx context.Context, at *heads.Head) (map[string]standing, error) {
	members, err := t.Store.Members(ctx, t.Fleet)
	if err != nil {
		return nil, err
	}
	all := map[string]standing{}
	for name, cluster := range at.Model.Clusters {
		if !cluster.Spec.Suspend && !cluster.Spec.Decommission {
			all[name] = standing{}
		}
	}
	err = t.Store.EachState(ctx, t.Fleet, "", func(name string, data []byte) {
		if _, counts := all[name]; counts {
			all[name] = standingOf(at, name, members[name], data)
		}
	})
	return all, err
}

// standing is how one cluster fares, and the reason of what is broken.
type standing struct {
	stand  stand
	reason string
}

func standingOf(at *heads.Head, cluster string, member store.Member, data []byte) standing {
	state := &keyservicev1.ClusterState{}
	if member.Head != at.Hash || proto.Unmarshal(data, state) != nil || state.GetSuspended() != nil {
		return standing{}
	}
	said := map[string]*keyservicev1.DeliveryState{}
	for _, d := range state.GetDeliveries() {
		said[d.GetPlacement()] = d
	}
	whole := standing{stand: ready}
	for _, placement := range at.Model.PlacedOn(cluster) {
		d, suspended := said[placement], at.Model.Placements[placement].Spec.Suspend
		switch {
		case suspended, d == nil && state.GetLeftOut() > 0: // it leaves out what is well
		case d == nil, d.GetSuspended() != nil, d.GetBehind(), d.GetReady() == keyservicev1.Readiness_READINESS_UNSPECIFIED,
			slices.Contains(waiting, d.GetReason()):
			whole.stand = waits
		case d.GetReady() == keyservicev1.Readiness_READINESS_NOT_READY:
			return standing{stand: broken, reason: placement + " " + d.GetReason()}
		}
	}
	return whole
}

// noticeOf is how a set fares; "" is the whole fleet.
func noticeOf(m *model.Model, set string, clusters map[string]standing) notify.Notice {
	n := notify.Notice{Kind: notify.ClusterSet, Name: set}
	names := slices.Sorted(maps.Keys(clusters))
	if set != "" {
		if m.Sets[set] == nil {
			n.Reason, n.Message = "NoSuchSet", "the commit has no ClusterSet of this name"
			return n
		}
		members := m.Members(set)
		names = slices.DeleteFunc(names, func(name string) bool {
			_, is := slices.BinarySearch(members, name)
			return !is
		})
	}
	count := map[stand]int{}
	first := ""
	for _, name := range names {
		if s := clusters[name]; s.stand == broken && count[broken] == 0 {
			first = fmt.Sprintf("%s (%s)", name, s.reason)
		}
		count[clusters[name].stand]++
	}
	n.Message = fmt.Sprintf("%d of %s %s ready", count[ready], plural.Of(len(names), "cluster"),
		plural.Verb(count[ready], "is", "are"))
	switch {
	case count[broken] > 0:
		n.Reason, n.Message = "NotReady", n.Message+fmt.Sprintf("; not ready: %d, %s first", count[broken], first)
	case count[waits] > 0:
		n.Pending, n.Reason = true, "Progressing"
	default:
		n.Ready, n.Reason = true, "Ready"
	}
	return n
}
