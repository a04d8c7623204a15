package config

import (
	"net"
	"path/filepath"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing"
)

// check finds every field that cannot be served with, after the defaults.
func (c *Config) check(m *mistakes) {
	c.checkRequired(m)
	m.when(!hexid.IsFleet(c.Fleet), "fleet", "is not 32 lower-case hexadecimal digits", "")
	m.when(!isVerifierKey(c.RootKey), "rootKey", "is not a root verifier key",
		"copy the whole of what `bulla-keyservice init` or `root rotate` printed: NAME+HASH+KEY")
	m.when(c.RootInServiceToken != "" && !c.RootInService(), "rootInServiceToken", "is neither left out nor "+rootAccepted,
		"it lets whoever runs code in this service sign as the fleet's root")
	m.when(!isAddress(c.Listen), "listen", "is not ADDRESS:PORT", "for example 0.0.0.0:8443")
	m.when(!isAddress(c.Health), "health", "is not ADDRESS:PORT", "for example 127.0.0.1:9090")
	m.when(c.Drain < 0 || time.Duration(c.Drain) > 5*time.Minute, "drain", "is not between 0s and 5m", "")
	life, after := time.Duration(c.CertificateTTL), time.Duration(c.ReportAfterRemoval)
	m.when(life < time.Minute || life > 31*24*time.Hour, "certificateTTL", "is not between 1m and 744h",
		"short lives are what makes a stolen certificate worthless")
	// Without a URL of its own it is made of fields that have their own mistakes.
	m.when(c.URL != "" && !isOrigin(c.URL), "url", "is not https://HOST[:PORT]", "controllers reach the service by it")
	m.when(after < time.Minute || after > 90*24*time.Hour, "reportAfterRemoval", "is not between 1m and 2160h",
		"after it a removed cluster is told that it is not in the fleet")
	c.Token.check(m)
	c.Repository.check(m)
	c.Signing.check(m)
	checkLimits(m, c.Limits)
	c.Renewal.check(m)
	c.Receiver.check(m)
	c.Stubs.check(m)
	checkPeople(m, c.People)
	c.OIDC.check(m)
}

func (c *Config) checkRequired(m *mistakes) {
	for _, required := range []struct{ field, value, hint string }{
		{"fleet", c.Fleet, "`bulla-keyservice init` printed it"},
		{"rootKey", c.RootKey, "`bulla-keyservice init` printed it; it is pinned here, outside Git"},
		{"repository.url", c.Repository.URL, "the fleet repository, https:// or ssh://"},
		{"token.module", c.Token.Module, "for SoftHSM: /usr/lib/softhsm/libsofthsm2.so; or module-path in token.uri"},
		{"token.label", c.Token.Label, "the label that the token was initialised with"},
		{"listen", c.Listen, "for example 0.0.0.0:8443"},
		{"health", c.Health, "for example 127.0.0.1:9090"},
		{"dataDir", c.DataDir, "a folder of the service's own"},
	} {
		m.when(required.value == "", required.field, "is missing", required.hint)
	}
	m.when(len(c.ServerNames) == 0, "serverNames", "is missing", "the names under which controllers reach this service")
}

func (t *TokenFile) check(m *mistakes) {
	m.when(!filepath.IsAbs(t.Module), "token.module", "is not an absolute path", "the loader must never search for a library that gets the PIN")
	m.when(t.Sessions < 1 || t.Sessions > 256, "token.sessions", "is not between 1 and 256", "")
	m.when(time.Duration(t.Deadline) < 100*time.Millisecond, "token.deadline", "is shorter than 100ms", "")
}

func (r Renewal) check(m *mistakes) {
	grace := time.Duration(r.Grace)
	m.when(r.Listen == "" && r.URL != "", "renewal.listen", "is missing", "renewal.url is of no use without it")
	m.when(r.Listen != "" && !isAddress(r.Listen), "renewal.listen", "is not ADDRESS:PORT", "for example 0.0.0.0:8444")
	m.when(r.Listen != "" && r.URL != "" && !isOrigin(r.URL), "renewal.url", "is not https://HOST[:PORT]", "controllers reach the renewal listener by it")
	m.when(grace < time.Hour || grace > 31*24*time.Hour, "renewal.grace", "is not between 1h and 744h",
		"a stolen certificate can be renewed for so long, while its Cluster file stands")
}

func isVerifierKey(text string) bool {
	_, err := sealing.NewVerifier(text)
	return err == nil
}

func isAddress(text string) bool {
	_, _, err := net.SplitHostPort(text)
	return err == nil
}

// isOrigin is the rule of who asks there: a URL that passes here and not there would be
// found out when clusters join.
func isOrigin(text string) bool { return protocol.CheckURL(text) == nil }
