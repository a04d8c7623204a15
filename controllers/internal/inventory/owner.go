package inventory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// ownerKeyOf and ownerVersion separate proofs of ownership from every other use
// of the cluster's key.
const (
	ownerKeyOf   = "bulla.dev/owner-key/v1"
	ownerVersion = "bulla.dev/owner/v1"
)

// Claim says whose a live object is. A label says so too, but whoever may patch
// an object may write a label: only who has the cluster's key can prove a claim.
type Claim struct {
	Fleet, Placement string
	ID               ID
	// UID is the live object's: a proof that was copied to another object, or
	// onto one made anew under the same name, proves nothing.
	UID string
	// Delivery stands in for UID in the apply that creates an object, before it
	// has one: the uid of the Delivery that applies.
	Delivery string
}

// Proof is HMAC-SHA256 over the claim, under a key derived from the cluster's.
// It stands on the object, where everybody may read it: it holds nothing secret.
func (c Claim) Proof(clusterKey []byte) string {
	derive := hmac.New(sha256.New, clusterKey)
	write(derive, []byte(ownerKeyOf))
	mac := hmac.New(sha256.New, derive.Sum(nil))
	for _, part := range []string{
		ownerVersion, c.Fleet, c.Placement, c.ID.Group, c.ID.Kind, c.ID.Namespace, c.ID.Name, c.UID, c.Delivery,
	} {
		write(mac, []byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ProvedBy reports whether text is the claim's proof. A claim about nothing that
// exists is never proved.
func (c Claim) ProvedBy(clusterKey []byte, text string) bool {
	return text != "" && (c.UID != "" || c.Delivery != "") && hmac.Equal([]byte(c.Proof(clusterKey)), []byte(text))
}
