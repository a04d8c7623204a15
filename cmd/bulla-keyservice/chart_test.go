package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/helm"
	"github.com/bulla-dev/bulla/keyservice/config"
)

// leastValues are what the chart cannot know.
const leastValues = `
fleet: 00112233445566778899aabbccddeeff
rootKey: acme+65c4e5d8+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC1aO+XUZ1Pz5pzZ4HG4AaWRdTZ5GO/` +
	`cbddc/EIVnOviFlEdAF0kXmnu/mAMfUo77oMAKkr3VRXDa1RSLtIF1N4=
serverNames: [keys.example.com]
repository: {url: "https://git.example.com/acme/fleet.git"}
token: {module: /bulla/module/libvendor.so, label: acme}
`

// values are the least, with others over them, one text after the other.
func values(t *testing.T, texts ...string) helm.Values {
	t.Helper()
	all, err := helm.Merged(append([]string{leastValues}, texts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTheChartsConfigurationIsReadByTheService: what the chart makes of values goes
// through the service's own strict reader, and says what they do.
func TestTheChartsConfigurationIsReadByTheService(t *testing.T) {
	identity := "sha256:" + strings.Repeat("a", 64)
	for _, test := range []struct {
		name, values string
		say          func(*config.Config) any
		want         any
	}{
		{"the least", "", func(c *config.Config) any {
			return []any{c.Listen, c.Health, c.URL, c.Token.Sessions, time.Duration(c.Drain), c.Renewal.Listen}
		}, []any{":8443", ":9090", "https://keys.example.com:8443", 4, 10 * time.Second, ""}},
		{"SQLite in a file of its own", "database: {file: second.db}", func(c *config.Config) any {
			return []any{filepath.Base(c.Store), filepath.Base(filepath.Dir(c.Store)), c.Database.Shared()}
		}, []any{"second.db", "data", false}},
		{"PostgreSQL", "{replicas: 3, database: {secretName: db}}", func(c *config.Config) any {
			return []any{c.Store, c.Database.Shared(), tail(c.Database.URLFile)}
		}, []any{"", true, "secrets/database/url"}},
		{"Git by password", "repository: {credentials: {secretName: git}, caSecretName: ca, ref: production}",
			func(c *config.Config) any {
				return []any{tail(c.Repository.UsernameFile), tail(c.Repository.PasswordFile), tail(c.Repository.CAFile),
					c.Repository.Ref}
			}, []any{"secrets/git/username", "secrets/git/password", "secrets/git-ca/caFile", "production"}},
		{"Git by SSH", `repository: {url: "git@git.example.com:acme/fleet.git", credentials: {secretName: git, type: ssh}}`,
			func(c *config.Config) any {
				return []any{tail(c.Repository.SSHKeyFile), tail(c.Repository.KnownHostsFile), c.Repository.PasswordFile}
			}, []any{"secrets/git/identity", "secrets/git/known_hosts", ""}},
		{"no bound on the age of a look", `repository: {maxAge: "0", refusedGrace: "0"}`, func(c *config.Config) any {
			return []any{time.Duration(c.Repository.MaxAge), time.Duration(c.Repository.RefusedGrace)}
		}, []any{time.Duration(0), time.Duration(0)}},
		{"a token by its URI", `token: {module: "", label: "", uri: "pkcs11:token=acme;serial=01?module-path=/v/lib.so"}`,
			func(c *config.Config) any { return []any{c.Token.Module, c.Token.Label, tail(c.Token.PINFile)} },
			[]any{"/v/lib.so", "acme", "secrets/pin/pin"}},
		{"renewal behind a balancer", "{renewal: {enabled: true, grace: 48h}, service: {port: 443, renewalPort: 444}}",
			func(c *config.Config) any {
				return []any{c.URL, c.Renewal.Listen, c.Renewal.URL, time.Duration(c.Renewal.Grace)}
			}, []any{"https://keys.example.com:443", ":8444", "https://keys.example.com:444", 48 * time.Hour}},
		{"an address of IPv6", `{serverNames: ["2001:db8::1"], bindAddress: "[::]"}`,
			func(c *config.Config) any { return []any{c.URL, c.Listen} },
			[]any{"https://[2001:db8::1]:8443", "[::]:8443"}},
		{"webhooks", "receiver: {hooks: [{name: a.b, type: gitlab, secretName: s}, {name: c, type: gitea, secretName: s}]}",
			func(c *config.Config) any {
				return []any{c.Receiver.Listen, c.Receiver.Hooks[0].Name, string(c.Receiver.Hooks[1].Type),
					tail(c.Receiver.Hooks[0].SecretFile)}
			}, []any{":9292", "a.b", "gitea", "secrets/hooks/a.b"}},
		{"notifications", "notifications: {secretName: notify}",
			func(c *config.Config) any { return tail(c.NotificationsFile) }, "secrets/notify/providers.yaml"},
		{"people who sign in", `
oidc:
  issuer: https://login.example.com/acme
  clientID: bulla
  consoles: [bulla-console]
  groups: [{name: Fleet Ops, roles: [operator]}]
  barred: [u-1]
  caSecretName: issuer-ca`, func(c *config.Config) any {
			return []any{c.OIDC.Issuer, c.OIDC.ClientID, c.OIDC.Consoles[0], c.OIDC.Groups[0].Name, c.OIDC.Barred[0],
				tail(c.OIDC.CAFile), time.Duration(c.OIDC.MaxTokenAge)}
		}, []any{"https://login.example.com/acme", "bulla", "bulla-console", "Fleet Ops", "u-1",
			"secrets/issuer-ca/caFile", time.Hour}},
		{"people, limits and signatures", `
people: [{name: alice, identity: "` + identity + `", roles: [operator, auditor]}]
limits: {requestsPerSecond: 7, strangersPerAddress: 0}
signing: {require: [clusters/], allowedSigners: ["ada@acme.example namespaces=\"git\" ` + signerKey + `"]}
rootInServiceToken: accepted
certificateTTL: 1h30m`, func(c *config.Config) any {
			return []any{c.People[0].Name, len(c.People[0].Roles), c.Limits.RequestsPerSecond, c.Limits.InFlight,
				len(c.Signing.AllowedSigners), c.RootInService(), time.Duration(c.CertificateTTL)}
		}, []any{"alice", 2, 7, 16, 1, true, 90 * time.Minute}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := helm.Configuration(values(t, test.values))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "config", "keyservice.yaml")
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			read, err := config.Load(file)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if got := fmt.Sprint(test.say(read)); got != fmt.Sprint(test.want) {
				t.Errorf("%s\nwant %v\n%s", got, test.want, text)
			}
		})
	}
}

// signerKey is a public key for tests alone.
const signerKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnRniydZG2Sp59Cm8e7Ix1UCqgxaCGfJNoEJdN38/C7"

// tail is where a file lies below the folder of the pod's mounts.
func tail(path string) string {
	_, below, _ := strings.Cut(path, "/secrets/")
	return "secrets/" + below
}

// TestANewConfigurationMakesNewPods: the service reads it at the start, and a changed
// ConfigMap alone would say what no pod does. The PIN is no part of it.
func TestANewConfigurationMakesNewPods(t *testing.T) {
	deployment := func(text string) string {
		t.Helper()
		files, err := helm.Render("bulla-keyservice", "bulla", values(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return files["deployment.yaml"]
	}
	identity := "sha256:" + strings.Repeat("a", 64)
	before := deployment("")
	for _, change := range []string{
		`people: [{name: alice, identity: "` + identity + `", roles: [auditor]}]`,
		"limits: {inFlight: 8}", "repository: {ref: production}",
	} {
		if deployment(change) == before {
			t.Errorf("nothing is new with %s", change)
		}
	}
	if deployment("service: {type: LoadBalancer}") != before {
		t.Error("pods are made anew for what is not theirs")
	}
}

// TestTheChartRefusesWhatCannotServe: before anything is installed, and says where.
func TestTheChartRefusesWhatCannotServe(t *testing.T) {
	for _, test := range []struct{ name, values, names string }{
		{"no fleet", `fleet: ""`, "/fleet"},
		{"a root key that is none", "rootKey: acme", "/rootKey"},
		{"no server name", "serverNames: []", "/serverNames"},
		{"a folder as repository", "repository: {url: /srv/fleet.git}", "/repository/url"},
		{"a library that is searched for", "token: {module: libvendor.so}", "/token/module"},
		{"no library", `token: {module: ""}`, "token.module and token.label, or token.uri"},
		{"a token named twice", `token: {module: "", uri: "pkcs11:token=acme?module-path=/v.so"}`, "say it once"},
		{"a PIN in the URI", `token: {module: "", label: "", uri: "pkcs11:token=a?pin-value=1"}`, "/token/uri"},
		{"a PIN in the environment", "vendor: {env: [{name: BULLA_PIN, value: x}]}", "/vendor/env"},
		{"a value that does not exist", "token: {pin: hunter2hunter2}", "pin"},
		{"two writers of one SQLite file", "replicas: 2", "database.secretName"},
		{"an image with nothing in it", "vendor: {image: vendor/hsm}", "vendor.files"},
		{"a library by a relative path", "vendor: {image: vendor/hsm, files: [lib]}", "/vendor/files"},
		{"a duration that is none", "drain: soon", "/drain"},
		{"a webhook of nobody", "receiver: {hooks: [{name: a, type: svn, secretName: s}]}", "/receiver/hooks/0/type"},
		{"webhooks without TLS", "receiver: {hooks: [{name: a, type: gitlab, secretName: s}], ingress: {enabled: true}}",
			"tlsSecretName"},
		{"an ingress to nothing", "receiver: {ingress: {enabled: true}}", "receiver.hooks"},
		{"a role that does not exist",
			`people: [{name: a, identity: "sha256:` + strings.Repeat("a", 64) + `", roles: [root]}]`, "/people/0/roles"},
		{"a limit that does not exist", "limits: {requests: 5}", "requests"},
		{"an ingress in the place of a Service", "service: {type: ExternalName}", "/service/type"},
		{"a URL without TLS", `url: "http://keys.example.com"`, "/url"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := helm.Configuration(values(t, test.values))
			if err == nil || !strings.Contains(err.Error(), test.names) {
				t.Errorf("%v, want a refusal that names %s\n%s", err, test.names, text)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a PIN is repeated: %v", err)
			}
		})
	}
}
