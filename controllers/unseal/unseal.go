package unseal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/controllers/view"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// unsealWindow is how long a request waits for others to join it: the
// Deliveries that one head wakes ask within milliseconds of each other.
const unsealWindow = 15 * time.Millisecond

// Unsealing is the [Unsealer] of the product.
//
// An answer of the key service is an age stanza that only this cluster's age
// identity opens. Answers are kept, by content digest, in Secrets of the
// controller's namespace, and used before anybody is asked: after a restart,
// for a deleted Secret, for drift, and for a stub of which only the locks
// changed. They are written before their values are given out, so that what
// runs can always be healed with the key service down.
//
// While Git suspends this cluster nobody is asked at all. The snapshot then
// holds what was delivered last, so kept answers heal that and nothing else; a
// value without a kept answer is new, and refused with NotInFleet.
type Unsealing struct {
	identities *Identities
	link       *Link
	kept       keptAnswers
	batches    batcher
	outage     outage
	refetch    func()
	metrics    *metrics.Metrics
}

// New makes it. c must not cache Secrets. refetch asks FleetSync for a
// look at the remote; see fleetsync.Reconciler.Refetch.
func New(c client.Client, namespace string, identities *Identities, link *Link, refetch func(), metrics *metrics.Metrics) *Unsealing {
	return &Unsealing{
		identities: identities, link: link, refetch: refetch, metrics: metrics,
		kept:    keptAnswers{client: c, namespace: namespace},
		batches: newBatcher(unsealWindow, metrics),
	}
}

var _ Unsealer = (*Unsealing)(nil)

// Unseal implements [Unsealer].
func (u *Unsealing) Unseal(ctx context.Context, delivery string, snapshot *view.Snapshot, objects []Sealed) (map[ObjectID]map[string]string, error) {
	if len(objects) == 0 {
		return map[ObjectID]map[string]string{}, nil
	}
	defer u.kept.lock(delivery)()
	o, err := u.opener(ctx, delivery, snapshot)
	if err != nil {
		return nil, err
	}
	values, missing := o.open(objects)
	u.metrics.FromKept(len(values))
	if len(missing) == 0 {
		return values, nil
	}
	if snapshot.ClusterSuspended {
		return nil, failure(v1alpha1.NotInFleetReason, fmt.Sprintf(
			"%s: %s is not unsealed", snapshot.NotInFleet, describe(missing[0])), nil)
	}
	if down := u.outage.admit(delivery); down != nil {
		return nil, down
	}
	values, err = u.fresh(ctx, o, snapshot, missing, values)
	u.outage.heard(delivery, err)
	return values, err
}

// Kept implements [Unsealer].
func (u *Unsealing) Kept(ctx context.Context, delivery string, snapshot *view.Snapshot, objects []Sealed) (map[ObjectID]map[string]string, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	defer u.kept.lock(delivery)()
	o, err := u.opener(ctx, delivery, snapshot)
	if err != nil {
		return nil, err
	}
	values, _ := o.open(objects)
	u.metrics.FromKept(len(values))
	return values, nil
}

// opener opens kept answers of one Delivery.
type opener struct {
	fleet    string
	identity *Identity
	shelf    *shelf
}

func (u *Unsealing) opener(ctx context.Context, delivery string, snapshot *view.Snapshot) (*opener, error) {
	identity, err := u.identities.Get(ctx)
	if err != nil {
		return nil, failure(meta.FailedReason, "the cluster's keys cannot be read", err)
	}
	shelf, err := u.kept.load(ctx, delivery)
	if err != nil {
		return nil, failure(meta.FailedReason, "kept answers cannot be read", err)
	}
	return &opener{fleet: snapshot.Fleet.Spec.ID, identity: identity, shelf: shelf}, nil
}

// open gives what can be opened, and what cannot. A kept answer that does not
// open is as good as none.
func (o *opener) open(needs []Sealed) (values map[ObjectID]map[string]string, missing []Sealed) {
	values = make(map[ObjectID]map[string]string, len(needs))
	for _, n := range needs {
		if opened, err := n.open(o.fleet, o.identity, o.shelf.get(n.Content), nil); err == nil {
			values[n.Object.ID()] = opened
		} else {
			missing = append(missing, n)
		}
	}
	return values, missing
}

// fresh asks for what is missing. What was granted is kept even when something
// else was refused, so that the next try does not ask for it again.
func (u *Unsealing) fresh(ctx context.Context, o *opener, s *view.Snapshot, missing []Sealed, values map[ObjectID]map[string]string) (map[ObjectID]map[string]string, error) {
	results, err := u.ask(ctx, s, missing)
	if err != nil {
		return nil, err
	}
	var refused *loop.Error
	for _, n := range missing {
		result := results[n.Object.Stub.Digest]
		if !result.Granted() {
			refused = worse(refused, refusal(n, result.Refusal, result.head == s.Head))
			continue
		}
		opened, err := n.open(o.fleet, o.identity, result.Stanzas, result.Stub)
		if err != nil {
			refused = worse(refused, failure(v1alpha1.UnsealFailedReason, fmt.Sprintf("%s: the key service's answer does not open it", describe(n)), err))
			continue
		}
		values[n.Object.ID()] = opened
		o.shelf.put(n.Content, result.Stanzas)
	}
	if err := u.kept.save(ctx, o.shelf); err != nil {
		return nil, failure(meta.FailedReason, "answers cannot be kept", err)
	}
	if refused != nil {
		if refused.Stale {
			u.refetch()
		}
		return nil, refused
	}
	return values, nil
}

// ask puts the missing stubs into batches with those of other Deliveries.
func (u *Unsealing) ask(ctx context.Context, s *view.Snapshot, missing []Sealed) (map[string]answer, error) {
	service := u.link.Current()
	if service == nil {
		return nil, failure(v1alpha1.KeyServiceUnavailableReason, "this cluster is not enrolled with the key service yet", nil)
	}
	digests := make([]string, 0, len(missing))
	for _, n := range missing {
		digests = append(digests, n.Object.Stub.Digest)
	}
	results, err := u.batches.ask(ctx, service, s.Head, digests)
	if err != nil {
		if errors.As(err, new(*keyservice.LogError)) || errors.As(err, new(*keyservice.MemoryError)) {
			logf.FromContext(ctx).Error(err, "the audit log does not agree: nothing of the answer is used")
		}
		if keyservice.IsRefusedCertificate(err) {
			u.link.refuse()
		}
		err = requestError(err)
		if IsStale(err) {
			u.refetch()
		}
		return nil, err
	}
	u.link.Answered()
	for _, result := range results {
		if result.fleet != s.Fleet.Spec.ID {
			return nil, failure(v1alpha1.UnsealFailedReason, fmt.Sprintf("the key service answers for fleet %q", result.fleet), nil)
		}
		if !u.link.sameLine(result.head, s.Head) {
			u.refetch()
			return nil, stale(v1alpha1.KeyServiceUnavailableReason, fmt.Sprintf(
				"the key service decides at head %s, which is not on the line of %s that this cluster follows", result.head, s.Revision), nil)
		}
	}
	return results, nil
}

// open opens every block of the stub with the stanzas. The context is the built
// object's: an answer for another object's payload is refused here too. stored are the
// bytes that came for a reference; what is not the stub that Git's reference names, in
// any part, is not opened, whatever the service says.
func (n Sealed) open(
	fleet string, identity *Identity, stanzas []sealing.Stanza, stored []byte,
) (map[string]string, error) {
	manifest := n.Object.Stub.Manifest
	if r := n.Object.Stub.Reference; r != nil {
		var err error
		if manifest, err = reference.Open(fleet, r, stored); err != nil {
			return nil, err
		}
	}
	blocks := manifest.Spec.Blocks
	if len(stanzas) != len(blocks) {
		return nil, fmt.Errorf("open stub: %d answers for %d blocks", len(stanzas), len(blocks))
	}
	values := map[string]string{}
	for i := range blocks {
		opened, err := n.openBlock(fleet, identity, manifest, i, stanzas[i])
		if err != nil {
			return nil, fmt.Errorf("open block %d: %w", i, err)
		}
		for pointer, value := range opened {
			if _, twice := values[pointer]; twice {
				return nil, errors.New("open stub: two blocks hold one field")
			}
			values[pointer] = value
		}
	}
	return values, nil
}

func (n Sealed) openBlock(
	fleet string, identity *Identity, manifest *api.SealedManifest, i int, stanza sealing.Stanza,
) (map[string]string, error) {
	c, err := sealing.ContextOf(fleet, manifest, i, n.Object.GetNamespace(), n.Object.GetName())
	if err != nil {
		return nil, err
	}
	payload, err := sealing.ParsePayload(manifest.Spec.Blocks[i].Payload)
	if err != nil {
		return nil, err
	}
	fileKey, err := sealing.OpenStanza(identity.identity, stanza)
	if err != nil {
		return nil, err
	}
	defer clear(fileKey)
	return payload.Open(c, fileKey)
}

// Forget implements [Unsealer].
func (u *Unsealing) Forget(ctx context.Context, delivery string, keep []string) error {
	defer u.kept.lock(delivery)()
	if len(keep) > 0 && u.kept.shelves.exactly(delivery, keep) {
		return nil
	}
	if len(keep) == 0 { // revoked: what somebody brought back from a backup goes too
		u.kept.shelves.doubt(delivery)
	}
	shelf, err := u.kept.load(ctx, delivery)
	if err != nil {
		return fmt.Errorf("forget answers of %q: %w", delivery, err)
	}
	shelf.keepOnly(keep)
	if err := u.kept.save(ctx, shelf); err != nil {
		return fmt.Errorf("forget answers of %q: %w", delivery, err)
	}
	u.kept.shelves.forget(delivery)
	return nil
}

// describe names a stub for people.
func describe(n Sealed) string {
	return fmt.Sprintf("%s %s/%s (stub %s)", n.Object.GetKind(), n.Object.GetNamespace(), n.Object.GetName(), n.Object.Stub.Path)
}
