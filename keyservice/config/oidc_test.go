package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const issuer = "issuer: https://login.example.com/acme"

// oidc is the good configuration with a provider.
func oidc(lines ...string) string {
	return goodConfig + "oidc:\n  " + strings.Join(lines, "\n  ") + "\n"
}

func TestAProviderThatCannotBeServedWith(t *testing.T) {
	with := func(line string) string { return oidc(issuer, "clientID: bulla", line) }
	groups := func(list string) string { return with("groups: [" + list + "]") }
	for name, c := range map[string]struct{ text, at, problem string }{
		"an issuer without TLS":      {oidc("issuer: http://a.example.com"), ":12:oidc.issuer", "is not https://HOST"},
		"an issuer with a query":     {oidc("issuer: https://a.example.com/?a=b"), "oidc.issuer", "is not https://HOST"},
		"an issuer with a fragment":  {oidc("issuer: 'https://a.example.com/#a'"), "oidc.issuer", "is not https://HOST"},
		"groups without an issuer":   {oidc("groups: [{name: ops, roles: [operator]}]"), "oidc.issuer", "is missing"},
		"an issuer without a client": {oidc(issuer, "clientID: \"\""), ":13:oidc.clientID", "is missing"},
		"an issuer without groups":   {oidc(issuer, "clientID: bulla"), ":11:oidc.groups", "is missing"},
		"a group twice": {groups("{name: a, roles: [auditor]}, {name: a, roles: [auditor]}"),
			"[1].name", "twice"},
		"a group without a role":         {groups("{name: ops}"), "oidc.groups[0].roles", "is missing"},
		"a group of a role there is not": {groups("{name: ops, roles: [admin]}"), "[0].roles", `"admin" is not a role`},
		"a group without a name":         {groups("{name: \"\", roles: [auditor]}"), "oidc.groups[0].name", "is no name"},
		"a skew of an hour":              {with("clockSkew: 1h"), "oidc.clockSkew", "is not between 0s and 5m"},
		"tokens that live for a month":   {with("maxTokenAge: 720h"), "oidc.maxTokenAge", "is not between 10m and 24h"},
		"tokens that live for a minute":  {with("maxTokenAge: 1m"), "oidc.maxTokenAge", "is not between 10m and 24h"},
		"a console of nobody":            {with("consoles: [\"\"]"), "oidc.consoles[0]", "is no client"},
		"a console without an issuer":    {oidc("consoles: [bulla-console]"), "oidc.issuer", "is missing"},
		"nobody, barred":                 {with("barred: [\"\"]"), "oidc.barred[0]", "is no subject"},
		"a field that there is not":      {with("clientSecret: x"), "oidc.clientSecret", "unknown field"},
	} {
		_, err := load(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.at) || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want %s %s", name, err, c.at, c.problem)
		}
	}
}

func TestAProviderHasDefaults(t *testing.T) {
	c, err := load(t, oidc(issuer, "clientID: bulla", "caFile: ca.pem", "groups: [{name: Fleet Ops, roles: [auditor]}]"))
	if err != nil {
		t.Fatal(err)
	}
	o := c.OIDC
	if !o.On() || o.GroupsClaim != "groups" || time.Duration(o.ClockSkew) != 30*time.Second ||
		time.Duration(o.MaxTokenAge) != time.Hour || !filepath.IsAbs(o.CAFile) || o.Groups[0].Name != "Fleet Ops" {
		t.Errorf("%+v", o)
	}
	if c, err = load(t, goodConfig); err != nil || c.OIDC.On() {
		t.Errorf("without one: %+v, %v", c, err)
	}
}
