// Package parts is the form in which an inventory stands that is too large for a
// Delivery's status: packed, in Secrets of the Delivery's namespace, each named by the
// digest of its data. The controller writes them, and who looks at a cluster reads them.
package parts

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

const (
	// SecretPrefix starts the names of the Secrets: bulla-inventory-DELIVERY.DIGEST.
	// They hold no value, and are Secrets because an inventory's HMACs are nobody's
	// business.
	SecretPrefix = "bulla-inventory-"
	// Key is where the data of a part stand in its Secret.
	Key = "entries"
	// most bounds what a part is unpacked to.
	most = 16 << 20
)

// SecretName is the name of a part's Secret.
func SecretName(delivery, digest string) string { return SecretPrefix + delivery + "." + digest }

// Part is a piece of an inventory.
type Part struct {
	// Digest names the part and is of its data: what has the name has the content.
	Digest string
	Data   []byte
}

// Pack makes a part of entries.
func Pack(entries []v1alpha1.InventoryEntry) (Part, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if err := json.NewEncoder(w).Encode(entries); err != nil {
		return Part{}, fmt.Errorf("pack inventory: %w", err)
	}
	if err := w.Close(); err != nil {
		return Part{}, fmt.Errorf("pack inventory: %w", err)
	}
	return Part{Digest: digestOf(out.Bytes()), Data: out.Bytes()}, nil
}

// ErrDamaged is data that are not what their digest names.
var ErrDamaged = errors.New("it holds something else")

// Unpack reads the entries of a part. Data that is not what the digest names were
// written by somebody else: an [ErrDamaged].
func Unpack(part Part) ([]v1alpha1.InventoryEntry, error) {
	if digestOf(part.Data) != part.Digest {
		return nil, fmt.Errorf("unpack inventory part %s: %w", part.Digest, ErrDamaged)
	}
	r, err := gzip.NewReader(bytes.NewReader(part.Data))
	if err != nil {
		return nil, fmt.Errorf("unpack inventory part %s: %w: %w", part.Digest, ErrDamaged, err)
	}
	var entries []v1alpha1.InventoryEntry
	if err := json.NewDecoder(io.LimitReader(r, most)).Decode(&entries); err != nil {
		return nil, fmt.Errorf("unpack inventory part %s: %w: %w", part.Digest, ErrDamaged, err)
	}
	return entries, nil
}

// digestOf is short enough for a Secret's name beside a Delivery's.
func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}
