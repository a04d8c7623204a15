package inventory

import (
	"hash/fnv"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/parts"
)

const (
	// MaxInline is how much of a status an inventory may take, in bytes of JSON: an
	// object of etcd's has 1.5 MiB, managed fields and conditions among it.
	MaxInline = 256 << 10
	// perPart is how many entries a part holds at the most, about: names of 253
	// characters that nothing compresses, a uid and four digests each, are below
	// the 1 MiB that a Secret holds.
	perPart = 1500
)

// Split gives the entries as a status holds them, or in parts where that is more than
// most bytes. Which part an entry is in depends on its id alone, so that a change of one
// entry changes one part.
func (inv Inventory) Split(most int) (inline []v1alpha1.InventoryEntry, packed []parts.Part, err error) {
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
		part, err := parts.Pack(bucket)
		if err != nil {
			return nil, nil, err
		}
		packed = append(packed, part)
	}
	slices.SortFunc(packed, func(a, b parts.Part) int { return strings.Compare(a.Digest, b.Digest) })
	return nil, packed, nil
}
