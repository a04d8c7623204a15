package hsm

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
)

const (
	// DefaultSessions is how many sessions a worker opens unless told. Soft
	// tokens gain nothing from more than there are cores; network tokens do.
	DefaultSessions = 2
	// DefaultDeadline is how long one token operation may take unless told.
	DefaultDeadline = 5 * time.Second
	// MaxSessions bounds Config.Sessions; small tokens have 16.
	MaxSessions = 256
)

// Config says which token to use and how.
type Config struct {
	// Module is the path of the PKCS#11 library. It must be absolute, so that
	// the loader never searches for it.
	Module string
	// TokenLabel is the label given when the token was initialised. Exactly one
	// token must have it.
	TokenLabel string
	// Serial, Manufacturer and Model must be the token's own, where they are not
	// empty; see [URI].
	Serial, Manufacturer, Model string
	// PIN is the user PIN. It goes to the worker over a pipe, never through
	// arguments or the environment, and no method of Config prints it.
	PIN string `json:"-"`
	// Fleet is the fleet id; labels are bulla/<Fleet>/….
	Fleet string
	// PinnedKeys are the sealing keys of fleet.yaml. The worker uses no other,
	// refuses to start when the token holds a different key under a pinned label,
	// and opens nothing with a Retired one.
	PinnedKeys []api.SealingKey
	// Sessions is how many operations the token does at a time. Default
	// DefaultSessions.
	Sessions int
	// Deadline is how long one operation may take before the worker is killed
	// and replaced. Default DefaultDeadline.
	Deadline time.Duration
	// Env is added to the worker's environment: some modules are configured by
	// it (SOFTHSM2_CONF). Form "NAME=value".
	Env []string
	// Logger hears of workers lost and replaced. Nil is silent.
	Logger *slog.Logger `json:"-"`
}

// String describes the configuration without the PIN.
func (c Config) String() string {
	return fmt.Sprintf("token %q in %s (fleet %q, %d sessions, deadline %s)",
		c.TokenLabel, c.Module, c.Fleet, c.Sessions, c.Deadline)
}

// GoString is String: %#v must not print the PIN either.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// SameToken reports whether both name one token. Two paths of one module hide it;
// [Ceremony] asks the token as well.
func (c Config) SameToken(other Config) bool {
	return c.Module == other.Module && c.TokenLabel == other.TokenLabel &&
		(c.Serial == "" || other.Serial == "" || c.Serial == other.Serial)
}

func (c Config) withDefaults() Config {
	if c.Sessions == 0 {
		c.Sessions = DefaultSessions
	}
	if c.Deadline == 0 {
		c.Deadline = DefaultDeadline
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate finds what no token can be asked to answer for.
func (c Config) validate() error {
	switch {
	case c.Module == "":
		return errors.New("read token configuration: no module is named")
	case !strings.HasPrefix(c.Module, "/"):
		// dlopen searches its path for a name without a slash.
		return fmt.Errorf("read token configuration: module %q is not an absolute path", c.Module)
	case c.TokenLabel == "":
		return errors.New("read token configuration: no token label is given")
	case c.PIN == "":
		return errors.New("read token configuration: the PIN is empty")
	case c.Fleet == "" || strings.ContainsAny(c.Fleet, "/\x00"):
		return fmt.Errorf("read token configuration: %q is not a fleet id", c.Fleet)
	case c.Sessions < 1 || c.Sessions > MaxSessions:
		return fmt.Errorf("read token configuration: %d sessions, want 1 to %d", c.Sessions, MaxSessions)
	case c.Deadline < 0:
		return fmt.Errorf("read token configuration: deadline %s is negative", c.Deadline)
	}
	return nil
}
