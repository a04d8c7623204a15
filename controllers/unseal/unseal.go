package unseal

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	"github.com/bulla-dev/bulla/keyservice/protocol"
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
	values, missing, err := o.open(ctx, objects)
	if err != nil {
		return nil, err
	}
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
	values, _, err := o.open(ctx, objects)
	u.metrics.FromKept(len(values))
	return values, err
}

// Carry implements [Unsealer].
func (u *Unsealing) Carry(ctx context.Context, delivery string, snapshot *view.Snapshot, wanted []Sealed,
	stood func() ([]Sealed, error),
) error {
	isStub := func(n Sealed) bool { return n.Object.Stub.Reference == nil }
	if wanted = slices.DeleteFunc(slices.Clone(wanted), isStub); len(wanted) == 0 {
		return nil
	}
	defer u.kept.lock(delivery)()
	o, err := u.opener(ctx, delivery, snapshot)
	if err != nil {
		return err
	}
	wanted = slices.DeleteFunc(wanted, func(n Sealed) bool {
		return o.shelf.get(n.Content) == nil || u.kept.shelves.hasStub(delivery, stubKey(n.Content))
	})
	if len(wanted) == 0 {
		return nil
	}
	before, err := stood()
	if err != nil {
		return err
	}
	inGit := map[string]*api.SealedManifest{}
	for _, n := range before {
		if isStub(n) {
			inGit[n.Content] = n.Object.Stub.Manifest
		}
	}
	for _, n := range wanted {
		if inGit[n.Content] == nil {
			continue
		}
		if err := u.kept.keepStub(ctx, delivery, n.Content, reference.Keep(inGit[n.Content])); err != nil {
			return failure(meta.FailedReason, "a stub that left Git cannot be kept", err)
		}
	}
	return nil
}

// opener opens kept answers of one Delivery.
type opener struct {
	fleet    string
	identity *Identity
	kept     *keptAnswers
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
	return &opener{fleet: snapshot.Fleet.Spec.ID, identity: identity, kept: &u.kept, shelf: shelf}, nil
}

// open gives what can be opened, and what cannot. A kept answer that does not
// open is as good as none, and so is one whose stub is not kept.
func (o *opener) open(ctx context.Context, needs []Sealed) (
	values map[ObjectID]map[string]string, missing []Sealed, err error,
) {
	values = make(map[ObjectID]map[string]string, len(needs))
	for _, n := range needs {
		manifest, stanzas := n.Object.Stub.Manifest, o.shelf.get(n.Content)
		if r := n.Object.Stub.Reference; r != nil && stanzas != nil {
			manifest, err = o.kept.stub(ctx, o.shelf.delivery, o.fleet, n.Content, r)
			if err != nil {
				return nil, nil, failure(meta.FailedReason, "kept stubs cannot be read", err)
			}
		}
		if manifest == nil || stanzas == nil {
			missing = append(missing, n)
		} else if opened, err := n.open(o.fleet, o.identity, manifest, stanzas); err == nil {
			values[n.Object.ID()] = opened
		} else {
			missing = append(missing, n)
		}
	}
	return values, missing, nil
}

// keep writes an answer, and the stub that came with it, onto the shelf.
func (o *opener) keep(ctx context.Context, n Sealed, manifest *api.SealedManifest, stanzas []sealing.Stanza) error {
	if n.Object.Stub.Reference != nil {
		if err := o.kept.keepStub(ctx, o.shelf.delivery, n.Content, reference.Keep(manifest)); err != nil {
			return err
		}
	}
	o.shelf.put(n.Content, stanzas)
	return nil
}

// fresh asks for what is missing. What was granted is kept even when something
// else was refused, so that the next try does not ask for it again.
func (u *Unsealing) fresh(ctx context.Context, o *opener, s *view.Snapshot, missing []Sealed, values map[ObjectID]map[string]string) (map[ObjectID]map[string]string, error) {
	var refused *loop.Error
	for _, some := range inRoom(missing) {
		results, err := u.ask(ctx, s, some)
		if err != nil {
			return nil, err
		}
		of, err := o.take(ctx, s, some, results, values)
		if saved := u.kept.save(ctx, o.shelf); err == nil {
			err = saved
		}
		if err != nil {
			return nil, failure(meta.FailedReason, "answers cannot be kept", err)
		}
		if of != nil {
			refused = worse(refused, of)
		}
	}
	if refused != nil {
		if refused.Stale {
			u.refetch()
		}
		return nil, refused
	}
	return values, nil
}

// inRoom parts what is asked for into what one answer has room for. One part is asked
// for, opened and kept after the other: the stubs of one are not in memory with those of
// the next.
func inRoom(missing []Sealed) (parts [][]Sealed) {
	room := int64(0)
	for _, n := range missing {
		size := n.Object.Stub.StoredSize()
		if len(parts) == 0 || size > room {
			parts, room = append(parts, nil), protocol.MaxStubBytes
		}
		room -= size
		parts[len(parts)-1] = append(parts[len(parts)-1], n)
	}
	return parts
}

// take opens what was granted, and puts it on the shelf. It returns the worst of what
// was refused.
func (o *opener) take(ctx context.Context, s *view.Snapshot, asked []Sealed, results map[string]answer,
	values map[ObjectID]map[string]string,
) (refused *loop.Error, err error) {
	for _, n := range asked {
		result := results[n.Object.Stub.Digest]
		if !result.Granted() {
			refused = worse(refused, refusal(n, result.Refusal, result.head == s.Head))
			continue
		}
		manifest, err := n.manifest(o.fleet, result.Stub)
		var opened map[string]string
		if err == nil {
			opened, err = n.open(o.fleet, o.identity, manifest, result.Stanzas)
		}
		if err != nil {
			refused = worse(refused, failure(v1alpha1.UnsealFailedReason, fmt.Sprintf("%s: the key service's answer does not open it", describe(n)), err))
			continue
		}
		if err := o.keep(ctx, n, manifest, result.Stanzas); err != nil {
			return refused, err
		}
		values[n.Object.ID()] = opened
	}
	return refused, nil
}

// ask puts the missing stubs into batches with those of other Deliveries.
func (u *Unsealing) ask(ctx context.Context, s *view.Snapshot, missing []Sealed) (map[string]answer, error) {
	service := u.link.Current()
	if service == nil {
		return nil, failure(v1alpha1.KeyServiceUnavailableReason, "this cluster is not enrolled with the key service yet", nil)
	}
	questions := make([]question, 0, len(missing))
	for _, n := range missing {
		questions = append(questions, question{n.Object.Stub.Digest, n.Object.Stub.StoredSize()})
	}
	results, err := u.batches.ask(ctx, service, s.Head, questions)
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

// manifest is the stub to open. stored are the bytes that came for a reference; what is
// not the stub that Git's reference names, in any part, is not opened, whatever the
// service says.
func (n Sealed) manifest(fleet string, stored []byte) (*api.SealedManifest, error) {
	if r := n.Object.Stub.Reference; r != nil {
		return reference.Open(fleet, r, stored)
	}
	return n.Object.Stub.Manifest, nil
}

// open opens every block of the stub with the stanzas. The context is the built
// object's: an answer for another object's payload is refused here too.
func (n Sealed) open(
	fleet string, identity *Identity, manifest *api.SealedManifest, stanzas []sealing.Stanza,
) (map[string]string, error) {
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
		if err := u.kept.dropAll(ctx, delivery); err != nil {
			return fmt.Errorf("forget answers of %q: %w", delivery, err)
		}
		return nil
	}
	shelf, err := u.kept.load(ctx, delivery)
	if err != nil {
		return fmt.Errorf("forget answers of %q: %w", delivery, err)
	}
	shelf.keepOnly(keep)
	if err := u.kept.save(ctx, shelf); err != nil {
		return fmt.Errorf("forget answers of %q: %w", delivery, err)
	}
	if err := u.kept.dropStubs(ctx, delivery, keep); err != nil {
		return fmt.Errorf("forget answers of %q: %w", delivery, err)
	}
	return nil
}

// describe names a stub for people.
func describe(n Sealed) string {
	return fmt.Sprintf("%s %s/%s (stub %s)", n.Object.GetKind(), n.Object.GetNamespace(), n.Object.GetName(), n.Object.Stub.Path)
}
