package unseal

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// A certificate's life is reckoned from when it was got, by this cluster's own
// clock: the service said how long it lasts by its clock, and the two may be a day
// apart. Within one process the difference is monotonic.

// keyReceived and keyLife hold when the certificate was got (RFC 3339) and for how
// long it is good from then on; keyGrace where it is renewed after that.
const (
	keyReceived = "tls.received"
	keyLife     = "tls.life"
	keyGrace    = "renewal.url"
)

// clockBack is how far this cluster's clock may have been put back before what
// was reckoned by it counts for nothing.
const clockBack = time.Minute

// tenure is how long a certificate is good for.
type tenure struct {
	received time.Time
	lasts    time.Duration
	// grace is the URL where it is renewed after that; empty for none.
	grace string
}

func lifeOf(c *client.Credentials, now time.Time) tenure {
	leaf := c.Certificate.Leaf
	if c.Life <= 0 {
		return lifeByDates(leaf, c.GraceURL)
	}
	return tenure{received: now, lasts: c.Life, grace: c.GraceURL}
}

// lifeByDates trusts the clocks.
func lifeByDates(leaf *x509.Certificate, grace string) tenure {
	return tenure{received: leaf.NotBefore, lasts: leaf.NotAfter.Sub(leaf.NotBefore), grace: grace}
}

// over says whether the certificate is of no more use.
func (l tenure) over(at time.Time) bool { return !at.Before(l.received.Add(l.lasts)) }

// renewable says whether it is time: two thirds through, a twelfth more or less,
// so that clusters that enrolled together do not renew together; or when the clock
// was put back, and nobody knows.
func (l tenure) renewable(at time.Time, serial []byte) bool {
	sum := sha256.Sum256(serial)
	share := float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32) // the same at every pass
	due := time.Duration(float64(l.lasts) * (7 + 2*share) / 12)
	return at.After(l.received.Add(due)) || at.Before(l.received.Add(-clockBack))
}

func (l tenure) write(data map[string][]byte) {
	data[keyReceived], data[keyLife] = []byte(l.received.UTC().Format(time.RFC3339Nano)), []byte(l.lasts.String())
	if l.grace != "" {
		data[keyGrace] = []byte(l.grace)
	}
}

func readLife(data map[string][]byte, leaf *x509.Certificate) (l tenure, err error) {
	if len(data[keyReceived]) == 0 { // of a version that did not write it
		return lifeByDates(leaf, ""), nil
	}
	if l.received, err = time.Parse(time.RFC3339Nano, string(data[keyReceived])); err != nil {
		return tenure{}, fmt.Errorf("read key %q: not a time", keyReceived)
	}
	if l.lasts, err = time.ParseDuration(string(data[keyLife])); err != nil {
		return tenure{}, fmt.Errorf("read key %q: not a duration", keyLife)
	}
	l.grace = string(data[keyGrace])
	return l, nil
}

// IsAnotherToken says whether a join token is not the one that this cluster
// enrolled with.
func IsAnotherToken(token protocol.JoinToken, identity *Identity) bool {
	return identity.joined != "" && tokenHash(token) != identity.joined
}

// tokenHash is what is kept of a join token that was used: it is spent, and its
// secret is 32 random bytes.
func tokenHash(token protocol.JoinToken) string {
	return hexid.Digest([]byte(token.Secret))
}
