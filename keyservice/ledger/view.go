package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/denials"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// maxLedgerAnswer bounds an answer to ListLedger, in secrets of all clusters: it
// keeps it below what a client reads.
const maxLedgerAnswer = 150_000

// errLedgerAnswer: there is more than an answer holds.
var errLedgerAnswer = fmt.Errorf("more than %d secrets: name a cluster, a placement or an object", maxLedgerAnswer)

// ledgerView is what one ListLedger reads, each once.
type ledgerView struct {
	head     *heads.Head
	members  map[string]store.Member
	reported map[string][]store.LedgerSecret // by cluster
	since    map[[2]string]time.Time         // by cluster and digest
	indexes  map[string]*heads.Index         // of the members at head
	states   map[string][]byte               // by cluster
	accepted map[string]time.Time            // by head that a cluster reported, and the head in force
}

// Reading answers what people ask of the ledger.
type Reading struct {
	*clerk.Clerk

	Heads *heads.Heads
	Store Store
}

// ListLedger joins what clusters said with what the accepted head places on them.
func (s *Reading) ListLedger(ctx context.Context, in *keyservicev1.ListLedgerRequest) (*keyservicev1.ListLedgerResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	now, err := s.Heads.Usable(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	out, err := s.list(ctx, now, in)
	if errors.Is(err, errLedgerAnswer) {
		return nil, s.Refuse(keyservicev1.ReasonTooMuch, err, "person", who.Name)
	}
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return out, nil
}

func (s *Reading) list(ctx context.Context, now *heads.Head, in *keyservicev1.ListLedgerRequest) (*keyservicev1.ListLedgerResponse, error) {
	view := &ledgerView{head: now, reported: map[string][]store.LedgerSecret{}, indexes: map[string]*heads.Index{}}
	if err := view.read(ctx, s.Fleet, in.GetCluster(), s.Store); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for name := range view.members {
		names[name] = true
	}
	for name := range now.Model.Clusters {
		names[name] = true
	}
	denied, err := denials.Read(ctx, s.Store, s.Fleet, s.Now())
	if err != nil {
		return nil, err
	}
	if err := view.readHeads(ctx, s.Fleet, s.Ref, s.Store); err != nil {
		return nil, err
	}
	looked, refused := s.Heads.Standing(now)
	out := &keyservicev1.ListLedgerResponse{Head: now.Hash, Time: s.Now().UnixMicro(), Denials: denied.Spell(), Placements: view.placements(in),
		Accepted: micro(view.accepted[now.Hash]), Looked: looked.UnixMicro(), Refused: refused}
	count := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if in.GetCluster() != "" && in.GetCluster() != name {
			continue
		}
		cluster := view.cluster(name, in)
		if count += len(cluster.Secrets); count > maxLedgerAnswer {
			return nil, errLedgerAnswer
		}
		out.Clusters = append(out.Clusters, cluster)
	}
	return out, nil
}

// read builds the indexes first: they are what digests get into the store by.
func (v *ledgerView) read(ctx context.Context, fleet, cluster string, rows Store) error {
	var err error
	for name := range v.head.Model.Clusters {
		if cluster != "" && cluster != name {
			continue
		}
		if v.indexes[name], err = v.head.Index(ctx, name); err != nil {
			return err
		}
	}
	if v.members, err = rows.Members(ctx, fleet); err != nil {
		return err
	}
	if v.states, err = rows.States(ctx, fleet, cluster); err != nil {
		return err
	}
	if v.since, err = rows.PlacedSince(ctx, fleet, cluster); err != nil {
		return err
	}
	secrets, err := rows.Ledger(ctx, fleet, cluster)
	for _, secret := range secrets {
		v.reported[secret.Cluster] = append(v.reported[secret.Cluster], secret)
	}
	return err
}

// readHeads finds when the heads were accepted that clusters say they are at.
func (v *ledgerView) readHeads(ctx context.Context, fleet, ref string, rows Store) error {
	heads := map[string]bool{v.head.Hash: true}
	for _, member := range v.members {
		heads[member.Head] = true
	}
	var err error
	v.accepted, err = rows.HeadTimes(ctx, fleet, ref, sortedKeys(heads))
	return err
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// state is what a cluster said of itself, with what the filters of in admit.
func (v *ledgerView) state(name string, in *keyservicev1.ListLedgerRequest) *keyservicev1.ClusterState {
	state := readState(v.states[name])
	if state != nil && in.GetPlacement() != "" {
		state.Deliveries = slices.DeleteFunc(state.Deliveries, func(d *keyservicev1.DeliveryState) bool { return d.GetPlacement() != in.GetPlacement() })
	}
	return state
}

// cluster is one cluster's part, with what the filters of in admit.
func (v *ledgerView) cluster(name string, in *keyservicev1.ListLedgerRequest) *keyservicev1.LedgerCluster {
	member := v.members[name]
	out := &keyservicev1.LedgerCluster{Cluster: name, Head: member.Head, Reported: micro(member.Reported), Left: micro(member.Left),
		State: v.state(name, in), HeadAccepted: micro(v.accepted[member.Head])}
	placed := map[[2]string]candidateAt{}
	if file, ok := v.head.Model.Clusters[name]; ok {
		out.Member, out.Suspended, out.Decommissioned, out.Left = true, file.Spec.Suspend, file.Spec.Decommission, 0
		placed = placedObjects(v.indexes[name])
	}
	secrets := make([]*keyservicev1.LedgerSecret, 0, len(placed))
	for _, said := range v.reported[name] {
		key := [2]string{said.Namespace, said.Name}
		here := placed[key]
		delete(placed, key)
		secrets = append(secrets, v.merge(said, here))
	}
	for key, here := range placed {
		secrets = append(secrets, v.configured(name, key, here))
	}
	for _, secret := range secrets {
		if matches(in, secret.GetSecret()) {
			out.Secrets = append(out.Secrets, secret)
		}
	}
	slices.SortFunc(out.Secrets, func(a, b *keyservicev1.LedgerSecret) int {
		return cmp.Or(cmp.Compare(a.Secret.Namespace, b.Secret.Namespace), cmp.Compare(a.Secret.Name, b.Secret.Name))
	})
	return out
}

func matches(in *keyservicev1.ListLedgerRequest, secret *keyservicev1.SecretReport) bool {
	return (in.GetPlacement() == "" || in.GetPlacement() == secret.GetPlacement()) &&
		(in.GetObject() == "" || in.GetObject() == secret.GetNamespace()+"/"+secret.GetName())
}

// merge is what a cluster said, beside what the head places. Of something that is
// placed again after it was gone, nothing was said yet.
func (v *ledgerView) merge(said store.LedgerSecret, here candidateAt) *keyservicev1.LedgerSecret {
	state := keyservicev1.SecretState(said.State)
	isGone := state == keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED || state == keyservicev1.SecretState_SECRET_STATE_UNSPECIFIED
	if here.digest != "" && isGone {
		return v.configured(said.Cluster, [2]string{said.Namespace, said.Name}, here)
	}
	return &keyservicev1.LedgerSecret{
		Secret: &keyservicev1.SecretReport{Placement: said.Placement, Namespace: said.Namespace, Name: said.Name, Digest: said.Digest,
			State: state, Workloads: said.Workloads},
		Since: micro(said.Since), Reported: micro(said.Reported), PlacedDigest: here.digest, NeverPlaced: said.NeverPlaced,
	}
}

// configured is what the head places and the cluster said nothing of.
func (v *ledgerView) configured(cluster string, key [2]string, here candidateAt) *keyservicev1.LedgerSecret {
	return &keyservicev1.LedgerSecret{
		Secret: &keyservicev1.SecretReport{Placement: here.placement, Namespace: key[0], Name: key[1],
			State: keyservicev1.SecretState_SECRET_STATE_CONFIGURED},
		Since: micro(v.since[[2]string{cluster, here.digest}]), PlacedDigest: here.digest,
	}
}

// candidateAt is what the head places as one object.
type candidateAt struct{ digest, placement string }

// placedObjects turns an index around: what stands for each built object.
func placedObjects(x *heads.Index) map[[2]string]candidateAt {
	placed := map[[2]string]candidateAt{}
	for digest, candidates := range x.Stubs {
		for _, c := range candidates {
			name := protocol.LedgerName(c.Object.Group, c.Object.Kind, c.Object.Name)
			placed[[2]string{c.Object.Namespace, name}] = candidateAt{digest: digest, placement: c.Placement}
		}
	}
	return placed
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// NoteMembers writes down who is in the fleet at a new head, and since when the
// others are not, until it succeeds or the next head takes over.
func (s *Reading) NoteMembers(of *heads.Head) {
	identities := make(map[string]string, len(of.Model.Clusters))
	for name, cluster := range of.Model.Clusters {
		identities[name] = cluster.Spec.Identity
	}
	for wait := time.Second; s.Heads.Current() == of; wait = min(2*wait, time.Minute) {
		err := s.Store.SyncMembers(s.Heads.Life(), store.Head{Fleet: s.Fleet, Ref: s.Ref, Hash: of.Hash}, identities, s.Now())
		if err == nil || s.Heads.Life().Err() != nil {
			return
		}
		s.Log.Warn("members are not written down", "head", of.Hash, "error", err.Error())
		select {
		case <-time.After(wait):
		case <-s.Heads.Life().Done():
			return
		}
	}
}
