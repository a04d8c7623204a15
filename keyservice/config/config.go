// Package config reads keyservice.yaml, strictly: what is not known, stands twice or
// cannot be served with is told with its line, all of it at once.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// Config is the configuration file of `bulla-keyservice serve`.
type Config struct {
	// Fleet is the fleet's id. A head of any other fleet is refused.
	Fleet string `yaml:"fleet"`
	// RootKey is the root verifier key that `bulla-keyservice init` printed. A
	// head whose fleet.yaml does not verify under it is refused.
	RootKey    string     `yaml:"rootKey"`
	Repository Repository `yaml:"repository"`
	Token      TokenFile  `yaml:"token"`
	// RootInServiceToken is "accepted" where somebody decided that the root key may
	// hang on the service's own login. Otherwise a service to which its login shows
	// a root key does not start.
	RootInServiceToken string `yaml:"rootInServiceToken"`
	// Listen is the address of the TLS listener.
	Listen string `yaml:"listen"`
	// ServerNames are the DNS names and IP addresses of the serving certificate.
	ServerNames []string `yaml:"serverNames"`
	// URL goes into join tokens. Default https:// and the first server name,
	// with the port of Listen.
	URL string `yaml:"url"`
	// Health is the address of the plain listener for /healthz, /readyz and
	// /metrics. Loopback unless you mean it: it has no authentication.
	Health string `yaml:"health"`
	// DataDir holds the mirror, and the store unless Store says otherwise.
	DataDir string `yaml:"dataDir"`
	// Store is the SQLite file. Default DataDir/keyservice.db.
	Store string `yaml:"store"`
	// Database is in the place of Store where replicas share their state.
	Database Database `yaml:"database"`
	// Drain is how long the service goes on answering after a stop signal, not
	// ready any more: as long as balancers need to notice. Default 0.
	Drain Duration `yaml:"drain"`
	// CertificateTTL is the life of a cluster's certificate. Default 24h.
	CertificateTTL Duration `yaml:"certificateTTL"`
	// Signing is the floor under what fleet.yaml says of signatures: Git cannot
	// lower it.
	Signing SigningFloor `yaml:"signing"`
	// People may use the service by client certificate, as their roles say. It is
	// read again on SIGHUP; who is not in it any more is refused from the next
	// request on.
	People []Person `yaml:"people"`
	// OIDC lets people in by tokens of an OpenID provider, beside those with certificates.
	OIDC OIDC `yaml:"oidc"`
	// ReportAfterRemoval is how long a cluster that left the fleet may still report
	// what became of its secrets, while its certificate lasts. Default 168h.
	ReportAfterRemoval Duration `yaml:"reportAfterRemoval"`
	// Limits bound what one caller takes of the service.
	Limits turnstile.Limits `yaml:"limits"`
	// Renewal is the listener where certificates are renewed that expired of late.
	Renewal Renewal `yaml:"renewal"`
	// Receiver hears webhooks of the forge.
	Receiver Receiver `yaml:"receiver"`
	// Stubs bound the store of stubs that references in Git name.
	Stubs Stubs `yaml:"stubs"`
	// NotificationsFile lists who is told of sets of clusters and of refusals.
	NotificationsFile string `yaml:"notificationsFile"`
}

// Renewal says where, and for how long, an expired certificate is renewed. Without
// Listen there is no such place: a cluster that was away for longer than its
// certificate lived enrols again.
type Renewal struct {
	// Listen is the address of a TLS listener that serves Renew alone.
	Listen string `yaml:"listen"`
	// URL is what clusters are told. Default https:// and the first server name,
	// with the port of Listen.
	URL string `yaml:"url"`
	// Grace is how long after its end a certificate is renewed. Default 168h.
	Grace Duration `yaml:"grace"`
}

// Duration is a time.Duration written as 30s or 24h.
type Duration time.Duration

// UnmarshalText reads the form of [time.ParseDuration].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 30s or 24h", text)
	}
	*d = Duration(parsed)
	return nil
}

// Load reads the file strictly: an unknown field, a duplicate key, an
// alias, a second document, or anything that [api.ReadDocument] refuses is a
// [*Error]. All that are found are joined. Relative paths in it are
// relative to the file.
func Load(file string) (*Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c := Config{Repository: Repository{MaxAge: Duration(standardMaxAge), RefusedGrace: Duration(standardRefusedGrace)}}
	c.Limits = c.Limits.WithDefaults() // both here, because 0 says something, or is a mistake
	m, err := decodeStrict(file, data, &c)
	if err != nil {
		return nil, err
	}
	if err := c.Database.takeEnvironment(); err != nil {
		return nil, err
	}
	c.checkTokenURI(m)
	c.checkDatabase(m)
	c.setDefaults(dir)
	c.check(m)
	if err := m.err(); err != nil {
		return nil, err
	}
	return &c, nil
}

func (c *Config) setDefaults(dir string) {
	for _, path := range []*string{&c.Repository.UsernameFile, &c.Repository.PasswordFile, &c.Repository.SSHKeyFile,
		&c.Repository.KnownHostsFile, &c.Repository.CAFile, &c.Token.PINFile, &c.DataDir, &c.Store, &c.Database.URLFile,
		&c.NotificationsFile, &c.OIDC.CAFile} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	for n := range c.Receiver.Hooks {
		if file := &c.Receiver.Hooks[n].SecretFile; *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
	if c.Repository.Ref == "" {
		c.Repository.Ref = "main"
	}
	if c.Repository.Interval == 0 {
		c.Repository.Interval = Duration(15 * time.Second)
	}
	if c.Token.Sessions == 0 {
		c.Token.Sessions = 4
	}
	if c.Token.Deadline == 0 {
		c.Token.Deadline = Duration(5 * time.Second)
	}
	if c.Store == "" && c.DataDir != "" && !c.Database.Shared() {
		c.Store = filepath.Join(c.DataDir, "keyservice.db")
	}
	if c.CertificateTTL == 0 {
		c.CertificateTTL = Duration(24 * time.Hour)
	}
	if c.ReportAfterRemoval == 0 {
		c.ReportAfterRemoval = Duration(7 * 24 * time.Hour)
	}
	c.Stubs = c.Stubs.WithDefaults()
	c.OIDC = c.OIDC.WithDefaults()
	c.setURL(&c.URL, c.Listen)
	c.setURL(&c.Renewal.URL, c.Renewal.Listen)
	if c.Renewal.Grace == 0 {
		c.Renewal.Grace = Duration(7 * 24 * time.Hour)
	}
}

func (c *Config) setURL(url *string, listen string) {
	if *url != "" || len(c.ServerNames) == 0 {
		return
	}
	if _, port, err := net.SplitHostPort(listen); err == nil {
		*url = "https://" + net.JoinHostPort(c.ServerNames[0], port)
	}
}

// rootAccepted is the one value of [Config.RootInServiceToken].
const rootAccepted = "accepted"

// RootInService says that somebody decided to leave the root key where the service
// logs in.
func (c *Config) RootInService() bool { return c.RootInServiceToken == rootAccepted }

// LogValue keeps a stray %v of the configuration to what is public.
func (c *Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("fleet", c.Fleet), slog.String("listen", c.Listen), slog.String("ref", c.Repository.Ref))
}
