package inventory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"slices"
)

// macVersion separates this use of the cluster's key from any other.
const macVersion = "bulla.dev/live-secret/v1"

// Live is what is compared of a Secret in the cluster.
type Live struct {
	ID  ID
	UID string
	// Content is the content digest it was applied with.
	Content string
	// Type of the Secret.
	Type string
	// Data of the live Secret, raw bytes.
	Data map[string][]byte
	// Owned are the keys of Data that bulla applies. Keys that another field
	// manager added are none of our business.
	Owned []string
}

// MAC is HMAC-SHA256 under the cluster's key over everything in live, every
// part prefixed with its length: two different Secrets never give one text.
// The status that holds it gives nobody a hash to test guesses against.
func MAC(key []byte, live Live) string {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{
		macVersion, live.ID.Group, live.ID.Kind, live.ID.Namespace, live.ID.Name,
		live.UID, live.Content, live.Type,
	} {
		write(mac, []byte(part))
	}
	owned := slices.Sorted(slices.Values(live.Owned))
	for _, name := range owned {
		write(mac, []byte(name))
		value, ok := live.Data[name]
		if !ok {
			write(mac, []byte("absent"))
			continue
		}
		write(mac, []byte("present"))
		write(mac, value)
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// SameMAC compares in constant time: a status is readable by more people than
// a Secret is, and the answer is visible as a write.
func SameMAC(a, b string) bool {
	return a != "" && hmac.Equal([]byte(a), []byte(b))
}

func write(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write(part)
}
