package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// OIDC lets people in by tokens of one OpenID provider. Without Issuer nobody comes that
// way.
type OIDC struct {
	// Issuer is the provider's URL, exactly as it spells it in its tokens.
	Issuer string `yaml:"issuer"`
	// ClientID is whom tokens must be for: the client that was made at the provider for
	// this fleet, and for nothing else.
	ClientID string `yaml:"clientID"`
	// Consoles are further clients of the provider whose people's tokens count: of consoles,
	// which show each person's own token. Whoever owns one acts as who signs in there.
	Consoles []string `yaml:"consoles"`
	// GroupsClaim is the claim with a person's groups. Default groups.
	GroupsClaim string `yaml:"groupsClaim"`
	// Groups say what each group may. It is read again on SIGHUP.
	Groups []Group `yaml:"groups"`
	// Barred are subjects who are let in no more, whatever their token says. It is read
	// again on SIGHUP.
	Barred []string `yaml:"barred"`
	// ClockSkew is how far the provider's clock may be off. Default 30s.
	ClockSkew Duration `yaml:"clockSkew"`
	// MaxTokenAge is how long a token counts at most, whatever its own end. Default 1h.
	MaxTokenAge Duration `yaml:"maxTokenAge"`
	// CAFile is a PEM file with the authorities of the provider's certificate, in the place
	// of the system's.
	CAFile string `yaml:"caFile"`
}

// Group is a group of the provider, and what its members may.
type Group struct {
	Name  string `yaml:"name"`
	Roles []Role `yaml:"roles"`
}

// ShortestTokenAge is the least [OIDC.MaxTokenAge]. The command line has a token made anew
// before it is as old.
const ShortestTokenAge = 10 * time.Minute

// maxGroups bounds groups and who is barred, maxConsoles the consoles.
const (
	maxGroups   = 1000
	maxConsoles = 20
)

// On says whether anybody comes by a token.
func (o OIDC) On() bool { return o.Issuer != "" }

// WithDefaults fills in what is left out.
func (o OIDC) WithDefaults() OIDC {
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.ClockSkew == 0 {
		o.ClockSkew = Duration(30 * time.Second)
	}
	if o.MaxTokenAge == 0 {
		o.MaxTokenAge = Duration(time.Hour)
	}
	return o
}

func (o OIDC) check(m *mistakes) {
	if !o.On() {
		m.when(o.ClientID+o.CAFile != "" || len(o.Consoles)+len(o.Groups)+len(o.Barred) > 0, "oidc.issuer", "is missing",
			"the rest of oidc is of no use without it")
		return
	}
	m.when(!isIssuer(o.Issuer), "oidc.issuer", "is not https://HOST, with a path or without, and nothing after it",
		"the provider's page .well-known/openid-configuration spells it")
	m.when(o.ClientID == "", "oidc.clientID", "is missing", "the id of the client that the provider has for this fleet")
	for n, id := range o.Consoles {
		problem := protocol.TextProblem("it", id, 1, 256)
		m.when(problem != "", fmt.Sprintf("oidc.consoles[%d]", n), "is no client: "+problem, "as the provider spells its id")
	}
	m.when(len(o.Consoles) > maxConsoles, "oidc.consoles", fmt.Sprintf("has more than %d entries", maxConsoles), "")
	skew, age := time.Duration(o.ClockSkew), time.Duration(o.MaxTokenAge)
	m.when(skew < 0 || skew > 5*time.Minute, "oidc.clockSkew", "is not between 0s and 5m",
		"for so long a token counts after its end")
	m.when(age < ShortestTokenAge || age > 24*time.Hour, "oidc.maxTokenAge", "is not between 10m and 24h",
		"for so long somebody stays in whom the provider threw out")
	o.checkGroups(m)
}

// checkGroups finds the entries of both lists that cannot be served with.
func (o OIDC) checkGroups(m *mistakes) {
	m.when(o.On() && len(o.Groups) == 0, "oidc.groups", "is missing", "without it nobody who signs in may do anything")
	if len(o.Groups) > maxGroups || len(o.Barred) > maxGroups {
		m.when(true, "oidc.groups", fmt.Sprintf("or oidc.barred has more than %d entries", maxGroups), "")
		return
	}
	seen := map[string]bool{}
	for n, g := range o.Groups {
		at := fmt.Sprintf("oidc.groups[%d].", n)
		problem := protocol.TextProblem("it", g.Name, 1, 256)
		m.when(problem != "", at+"name", "is no name: "+problem, "as the provider spells it in the claim")
		m.when(seen[g.Name], at+"name", fmt.Sprintf("%q stands twice", g.Name), "a group has one entry with all its roles")
		problem, hint := rolesProblem(g.Roles)
		m.when(problem != "", at+"roles", problem, hint)
		seen[g.Name] = true
	}
	for n, subject := range o.Barred {
		problem := protocol.TextProblem("it", subject, 1, 255)
		m.when(problem != "", fmt.Sprintf("oidc.barred[%d]", n), "is no subject: "+problem,
			"the audit log has it after # in the identity of what the person did")
	}
}

// CheckGroups says what is wrong with the first entry that cannot be served with.
func (o OIDC) CheckGroups() error {
	var m mistakes
	if o.checkGroups(&m); len(m.list) > 0 {
		return fmt.Errorf("%s %s", m.list[0].Field, m.list[0].Problem)
	}
	return nil
}

// isIssuer holds a URL to OpenID Connect Discovery 1.0, section 2: https, no query, no
// fragment. A # besides would make an identity ambiguous, which has the subject after one.
func isIssuer(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(text) <= 512 &&
		!strings.ContainsAny(text, "?# ")
}
