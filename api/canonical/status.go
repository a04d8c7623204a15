package canonical

import (
	"encoding/json"

	"github.com/bulla-dev/bulla/api/hexid"
)

// StatusDigest is the digest of builds and of objects that the statuses of a
// cluster's Deliveries remember. It is over JSON as encoding/json writes it: one
// value has one text there too, but not that of RFC 8785, as '<', '>' and '&' are
// escaped and the fields of a struct stand as the struct has them.
//
// It cannot become [JSON]: with another digest each object of each fleet would be
// applied again at the upgrade, each secret unsealed, and all at once.
func StatusDigest(value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return hexid.Digest(data), nil
}
