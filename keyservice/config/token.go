package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/sealing/hsm"
)

// TokenFile names the PKCS#11 token. The PIN is in a file of its own, or in the
// environment variable BULLA_PIN; never here.
type TokenFile struct {
	// URI is a PKCS#11 URI (RFC 7512) that says what Module, Label and PINFile
	// say otherwise: pkcs11:token=LABEL?module-path=PATH&pin-source=file:PATH. See
	// [hsm.ParseURI] for what it may hold. What it says is not said again: Module
	// and PINFile may stand beside it only where it leaves them out.
	URI string `yaml:"uri"`
	// Module is the absolute path of the PKCS#11 library.
	Module  string `yaml:"module"`
	Label   string `yaml:"label"`
	PINFile string `yaml:"pinFile"`
	// Sessions is how many operations the token does at a time. Default 4.
	Sessions int `yaml:"sessions"`
	// Deadline of one token operation. Default 5s.
	Deadline Duration `yaml:"deadline"`

	// serial, manufacturer and model are the URI's.
	serial, manufacturer, model string
}

// HSM is the token as package hsm wants it, for a fleet and with the PIN.
func (t *TokenFile) HSM(fleet, pin string) hsm.Config {
	return hsm.Config{
		Module: t.Module, TokenLabel: t.Label, Serial: t.serial, Manufacturer: t.manufacturer, Model: t.model,
		PIN: pin, Fleet: fleet, Sessions: t.Sessions, Deadline: time.Duration(t.Deadline),
	}
}

// ReadURI takes from the URI what it says, and refuses what is said twice: of
// two answers nobody knows which is used. Errors are [*hsm.URIError]. Load
// calls it.
func (t *TokenFile) ReadURI() error {
	if t.URI == "" {
		return nil
	}
	u, err := hsm.ParseURI(t.URI)
	if err != nil {
		return err
	}
	for _, field := range []struct {
		attribute, says, name string
		to                    *string
	}{
		{"token", u.Token, "label", &t.Label},
		{"module-path", u.Module, "module", &t.Module},
		{"pin-source", u.PINFile, "PIN file", &t.PINFile},
	} {
		switch {
		case field.says == "":
		case *field.to != "":
			return &hsm.URIError{Attribute: field.attribute, Problem: "stands beside a " + field.name + " of its own", Hint: "say it once, in the URI or beside it"}
		default:
			*field.to = field.says
		}
	}
	t.serial, t.manufacturer, t.model = u.Serial, u.Manufacturer, u.Model
	return nil
}

// checkTokenURI takes the token's fields from its URI. Where it cannot be read they
// are not missed besides.
func (c *Config) checkTokenURI(m *mistakes) {
	wrong := (*hsm.URIError)(nil)
	if !errors.As(c.Token.ReadURI(), &wrong) {
		return
	}
	m.add(m.lines.of("token.uri"), "token.uri", wrong.Error(), wrong.Hint)
	m.excuse("token.module", "token.label")
}

// PIN reads the PIN of the service's token from its file, or from BULLA_PIN. It is
// never an argument: arguments are public on the machine.
func PIN(file string) (string, error) { return readPIN(file, "BULLA_PIN", servicePIN) }

// RootPIN reads the PIN of the token that has the root key, or takes it from
// BULLA_ROOT_PIN. The service never does.
func RootPIN(file string) (string, error) { return readPIN(file, "BULLA_ROOT_PIN", rootPIN) }

// The PINs are taken out of the environment, once: child processes must not
// inherit them, and a command may ask for one again.
var servicePIN, rootPIN = environmentPIN("BULLA_PIN"), environmentPIN("BULLA_ROOT_PIN")

func environmentPIN(name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) { return os.Getenv(name), os.Unsetenv(name) })
}

func readPIN(file, name string, environment func() (string, error)) (string, error) {
	if file == "" {
		pin, err := environment()
		if pin == "" && err == nil {
			err = fmt.Errorf("read PIN: no PIN file is named and %s is not set", name)
		}
		return pin, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read PIN: %w", err)
	}
	pin := strings.TrimRight(string(data), "\r\n")
	if pin == "" {
		return "", fmt.Errorf("read PIN: %q is empty", file)
	}
	return pin, nil
}
