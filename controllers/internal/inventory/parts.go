package inventory

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

const (
	// MaxInline is how much of a status an inventory may take, in bytes of JSON: an
	// object of etcd's has 1.5 MiB, managed fields and conditions among it.
	MaxInline = 256 << 10
	// perPart is how many entries a part holds at the most, about: names of 253
	// characters that nothing compresses, a uid and four digests each, are below
	// the 1 MiB that a Secret holds.
	perPart = 1500
	// maxPart bounds what a part is unpacked to.
	maxPart = 16 << 20
)

// Part is a piece of an inventory that is too large for a status.
type Part struct {
	// Digest names the part and is of its data: what has the name has the content.
	Digest string
	Data   []byte
}

// Split gives the entries as a status holds them, or in parts where that is more than
// most bytes. Which part an entry is in depends on its id alone, so that a change of one
// entry changes one part.
func (inv Inventory) Split(most int) (inline []v1alpha1.InventoryEntry, parts []Part, err error) {
	entries := inv.Entries()
	size := 0
	for _, entry := range entries {
		size += len(entry.ID) + len(entry.UID) + len(entry.Applied) + len(entry.Stub) + len(entry.Content) + len(entry.MAC) + 100
	}
	if size <= most {
		return entries, nil, nil
	}
	buckets := make([][]v1alpha1.InventoryEntry, 2*(1+len(entries)/perPart))
	for _, entry := range entries {
		h := fnv.New32a()
		_, _ = h.Write([]byte(entry.ID))
		n := int(h.Sum32() % uint32(len(buckets)))
		buckets[n] = append(buckets[n], entry)
	}
	for _, bucket := range buckets {
		if len(bucket) == 0 {
			continue
		}
		part, err := pack(bucket)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b Part) int { return strings.Compare(a.Digest, b.Digest) })
	return nil, parts, nil
}

func pack(entries []v1alpha1.InventoryEntry) (Part, error) {
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
// written by somebody else.
func Unpack(part Part) ([]v1alpha1.InventoryEntry, error) {
	if digestOf(part.Data) != part.Digest {
		return nil, fmt.Errorf("unpack inventory part %s: %w", part.Digest, ErrDamaged)
	}
	r, err := gzip.NewReader(bytes.NewReader(part.Data))
	if err != nil {
		return nil, fmt.Errorf("unpack inventory part %s: %w: %w", part.Digest, ErrDamaged, err)
	}
	var entries []v1alpha1.InventoryEntry
	if err := json.NewDecoder(io.LimitReader(r, maxPart)).Decode(&entries); err != nil {
		return nil, fmt.Errorf("unpack inventory part %s: %w: %w", part.Digest, ErrDamaged, err)
	}
	return entries, nil
}

// digestOf is short enough for a Secret's name beside a Delivery's.
func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}
