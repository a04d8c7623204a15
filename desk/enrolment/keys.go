package enrolment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/docs/reference/schemas"
)

// Keys are a cluster's public keys.
type Keys struct {
	// Fleet is the id of the fleet that the cluster follows.
	Fleet string
	// Cluster is the cluster's name in it.
	Cluster string
	// Identity is "sha256:" and the hash of the mTLS public key.
	Identity string
	// Recipient is the age recipient, age1pq1….
	Recipient string
}

// Fingerprint is 128 bits of a hash over all fields, in groups of four digits:
// short enough to be read out, long enough that nobody finds a second one.
func (k Keys) Fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		"bulla.dev/cluster-fingerprint/v1", k.Fleet, k.Cluster, k.Identity,
		k.Recipient,
	}, "\n")))
	digits := hex.EncodeToString(sum[:16])
	var groups []string
	for i := 0; i < len(digits); i += 4 {
		groups = append(groups, digits[i:i+4])
	}
	return strings.Join(groups, "-")
}

// Check tells keys that were cut off from keys that somebody changed: those are for the
// fingerprint.
func (k Keys) Check() error {
	if !hexid.IsDigest(k.Identity) {
		return fault.NewUsage("it is sha256: and 64 hexadecimal digits, and stands in the FleetSync's status",
			"add cluster %q: the identity is not that of a cluster", k.Cluster)
	}
	if _, err := age.ParseHybridRecipient(k.Recipient); err != nil {
		return fault.NewUsage("it starts with age1pq1 and stands in the FleetSync's status",
			"add cluster %q: the recipient is not an age recipient", k.Cluster)
	}
	return nil
}

// File is the text of a new cluster's file. by is on whose word the keys stand; empty
// where people compared them.
func (k Keys) File(by api.Voucher, name string, labels map[string]string) string {
	var b strings.Builder
	b.WriteString(schemas.Modeline(api.KindCluster))
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n", api.APIVersion, api.KindCluster, name)
	if len(labels) > 0 {
		b.WriteString("  labels:\n")
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			fmt.Fprintf(&b, "    %s: %q\n", key, labels[key])
		}
	}
	fmt.Fprintf(&b, "spec:\n  identity: %s\n  recipient: %s\n", k.Identity, k.Recipient)
	if by != "" {
		fmt.Fprintf(&b, "  vouchedBy: %s\n", by)
	}
	return b.String()
}
