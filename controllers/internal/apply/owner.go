package apply

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// Claims says whose objects are, by proofs that only this cluster's controller makes.
type Claims struct {
	Owner Owner
	// Key is the cluster's key, for [inventory.MAC] and [inventory.Claim].
	Key []byte
	// Delivery is the uid of the Delivery: it stands in the proof of an object
	// that is just being made.
	Delivery string
	// Readopt takes back what carries this placement's labels without a proof: an
	// operator said so, after the cluster's keys were made anew.
	Readopt bool
}

// owns is the owner check of an apply: ours is what this cluster's controller
// proved to have made, for whatever placement (the revision's one map gave the
// object to this one); what this Delivery was just making when it was cut short;
// and what the inventory has with this uid, though somebody took the proof off.
// A label is none of these: whoever may patch an object may write it.
func (c *Claims) owns(id ID, live *metav1.PartialObjectMetadata, entry v1alpha1.InventoryEntry) bool {
	if entry.UID != "" && string(live.UID) == entry.UID {
		return true
	}
	if c.ProvenFor(id, live) != "" || c.born(id, live) {
		return true
	}
	return c.Readopt && c.labelled(live)
}

// ProvenFor gives the placement that a live object is proved to belong to, "" for
// none.
func (c *Claims) ProvenFor(id ID, live *metav1.PartialObjectMetadata) string {
	for _, placement := range []string{live.Labels[v1alpha1.OwnerLabel], c.Owner.Placement} {
		claim := inventory.Claim{Fleet: c.Owner.Fleet, Placement: placement, ID: id, UID: string(live.UID)}
		if placement != "" && claim.ProvedBy(c.Key, live.Annotations[v1alpha1.OwnerAnnotation]) {
			return placement
		}
	}
	return ""
}

// proof is what an apply writes onto an object: of the live one, or "" for one that
// is to be made.
func (c *Claims) proof(id ID, uid types.UID) string {
	claim := inventory.Claim{Fleet: c.Owner.Fleet, Placement: c.Owner.Placement, ID: id, Delivery: c.Delivery}
	if uid != "" {
		claim.UID, claim.Delivery = string(uid), ""
	}
	return claim.Proof(c.Key)
}

// born: this Delivery made it, and was cut short before the proof had its uid.
func (c *Claims) born(id ID, live *metav1.PartialObjectMetadata) bool {
	claim := inventory.Claim{Fleet: c.Owner.Fleet, Placement: c.Owner.Placement, ID: id, Delivery: c.Delivery}
	return claim.ProvedBy(c.Key, live.Annotations[v1alpha1.OwnerAnnotation])
}

// Proven reports whether a live object carries the proof that an apply for this
// placement would write.
func (c *Claims) Proven(id ID, live *metav1.PartialObjectMetadata) bool {
	return live.Annotations[v1alpha1.OwnerAnnotation] == c.proof(id, live.UID)
}

// labelled: its labels say that it is this placement's.
func (c *Claims) labelled(live *metav1.PartialObjectMetadata) bool {
	return live.Labels[v1alpha1.OwnerLabel] == c.Owner.Placement && live.Labels[v1alpha1.FleetLabel] == c.Owner.Fleet
}

// keeps is the owner check of a removal, which is stricter than that of an
// apply: an inventory that somebody edited must not delete what is another's.
// Whose the object is now is told too.
func (c *Claims) keeps(id ID, live *metav1.PartialObjectMetadata, entry v1alpha1.InventoryEntry) bool {
	switch c.ProvenFor(id, live) {
	case c.Owner.Placement:
		// A label of another placement is a claim that nothing proves.
		return true
	case "":
		if live.Annotations[v1alpha1.OwnerAnnotation] != "" {
			return c.born(id, live) // any other is somebody else's, or nobody's
		}
		return c.labelled(live) && entry.UID != "" && string(live.UID) == entry.UID
	}
	return false
}

func (c *Claims) mac(o Object, uid, kind string, data map[string][]byte) string {
	return inventory.MAC(c.Key, inventory.Live{
		ID: o.ID, UID: uid, Content: o.Content, Type: kind, Data: data, Owned: o.Keys,
	})
}
