package main

import (
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// check refuses flags that cannot be served with, and reads the root key.
func (o *options) check() error {
	if err := o.checkURL(); err != nil {
		return err
	}
	if strings.HasPrefix(o.rootKey, "@") {
		text, err := os.ReadFile(o.rootKey[1:])
		if err != nil {
			return fault.NewUsage("--root-key takes the key itself, or @ and the name of a file", "read the root key: %w", err)
		}
		o.rootKey = strings.TrimSpace(string(text))
	}
	switch {
	case !trust.IsVerifierKey(o.rootKey):
		return fault.NewUsage(trust.VerifierKeyHint, "--root-key is not a root verifier key")
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return fault.NewUsage("both, or neither behind a proxy that ends TLS", "--tls-cert and --tls-key stand together")
	case (o.keyService == "") != (o.authority == ""):
		return fault.NewUsage("`bulla-keyservice people sign-in` prints both: without the second, people's tokens would go "+
			"to whoever answers", "--key-service and --key-service-authority stand together")
	case o.authority != "" && !hexid.IsDigest(o.authority):
		return fault.NewUsage("`bulla-keyservice people sign-in` prints it",
			"--key-service-authority is not sha256: and 64 hexadecimal digits")
	case o.drafts() < leastDrafts:
		return fault.NewUsage("such as --memory 2Gi, the limit of its pod: without room nobody puts a change together",
			"--memory is no size of at least 256Mi")
	case o.idle < time.Minute || o.life < o.idle || o.life > 24*time.Hour:
		return fault.NewUsage("such as --session-idle 30m --session-life 8h",
			"--session-idle is at least 1m, --session-life at least that and at most 24h")
	}
	if o.keyService != "" {
		if err := protocol.CheckURL(o.keyService); err != nil {
			return fault.NewUsage("https://HOST:PORT", "--key-service: %w", err)
		}
	}
	return nil
}

// leastDrafts is room for a few of the largest.
const leastDrafts = 32 << 20

// drafts is how many bytes they may take: the rest is for the fleet, its builds and answers.
// It is 0 where --memory is no size.
func (o *options) drafts() int64 {
	all, err := resource.ParseQuantity(o.memory)
	if err != nil {
		return 0
	}
	return all.Value() / 8
}

// checkURL wants an origin. Over plain http anybody on the way would have the session:
// loopback is nobody's way.
func (o *options) checkURL() error {
	o.url = strings.TrimSuffix(o.url, "/")
	u, err := url.Parse(o.url)
	hint := "https://console.example.com, as browsers show it; http://localhost:8443 to try it out"
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return fault.NewUsage(hint, "--url is no scheme, host and port alone")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return fault.NewUsage(hint, "--url is http, and not of this machine: sessions could be stolen on the way")
	}
	if u.Scheme == "http" && o.tlsCert != "" {
		return fault.NewUsage(hint, "--url is http, and --tls-cert has it serve https")
	}
	o.url = strings.ToLower(o.url)
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// secret reads a file of one secret; "" names none.
func secret(flag, file string) (signin.Secret, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fault.NewUsage("it names a file with the secret alone", "read --%s: %w", flag, err)
	}
	if text := strings.TrimSpace(string(text)); text != "" {
		return signin.Secret(text), nil
	}
	return "", fault.NewUsage("it names a file with the secret alone", "read --%s: the file is empty", flag)
}

// admits are the groups whose people may sign in; none for everybody. One that is empty would
// be a list that somebody forgot to fill, and lets nobody in or all.
func (p provider) admits() ([]string, error) {
	if p.groups == "" {
		return nil, nil
	}
	hint := "--oidc-groups takes names with commas between: platform,payments; without it everybody whom the provider " +
		"lets in may sign in"
	all := strings.Split(p.groups, ",")
	for i, name := range all {
		if all[i] = strings.TrimSpace(name); all[i] == "" {
			return nil, fault.NewUsage(hint, "--oidc-groups has a group without a name")
		}
	}
	if p.groupsClaim == "" {
		return nil, fault.NewUsage("--oidc-groups-claim names it: groups, at most providers",
			"--oidc-groups says who may sign in, and no claim says who is in a group")
	}
	return all, nil
}

// client is the console as the provider knows it.
func (p provider) client(back string) (*signin.Client, error) {
	u, err := url.Parse(p.issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(p.issuer, "?# ") {
		return nil, fault.NewUsage("the provider's page .well-known/openid-configuration spells it",
			"--oidc-issuer is not https://HOST, with a path or without, and nothing after it")
	}
	hidden, err := secret("oidc-client-secret-file", p.secretFile)
	if err != nil {
		return nil, err
	}
	scopes := strings.FieldsFunc(p.scopes, func(r rune) bool { return r == ',' || r == ' ' })
	c, err := signin.NewClient(signin.Provider{Issuer: p.issuer, ClientID: p.clientID, Scopes: scopes, CAFile: p.caFile},
		signin.Server{Secret: hidden, Back: back, GroupsClaim: p.groupsClaim})
	if err != nil {
		return nil, fault.AsUsage(fault.WithHint(err, "--oidc-ca names a PEM file with the authority of the provider's "+
			"certificate"))
	}
	return c, nil
}
