package config

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store/engine"
)

// databaseVariable holds the URL when no file is named.
const databaseVariable = "BULLA_DATABASE_URL"

// Database is the PostgreSQL database that replicas share. Its URL holds a
// password, so it is in a file of its own, or in the environment variable
// BULLA_DATABASE_URL; never here.
type Database struct {
	// URLFile is a file with the URL, such as
	// postgres://bulla:PASSWORD@db.example.com/bulla?sslmode=verify-full.
	URLFile string `yaml:"urlFile"`

	url string // of the environment
}

// Shared reports whether the state is in PostgreSQL.
func (d Database) Shared() bool { return d.URLFile != "" || d.url != "" }

// takeEnvironment takes the URL out of the environment: child processes must not
// inherit it. A file that is named goes before it.
func (d *Database) takeEnvironment() error {
	d.url = os.Getenv(databaseVariable)
	return os.Unsetenv(databaseVariable)
}

// ReadURL reads the URL.
func (d Database) ReadURL() (string, error) {
	if d.URLFile == "" {
		return d.url, nil
	}
	data, err := os.ReadFile(d.URLFile)
	if err != nil {
		return "", fmt.Errorf("read database URL: %w", err)
	}
	address := strings.TrimSpace(string(data))
	if address == "" {
		return "", fmt.Errorf("read database URL: %q is empty", d.URLFile)
	}
	return address, nil
}

// checkDatabase finds what cannot be served with, before the defaults of the file
// are set.
func (c *Config) checkDatabase(m *mistakes) {
	m.when(strings.Contains(c.Store, "://"), "store", "is not the path of a file",
		"for PostgreSQL put the URL into a file and name it in database.urlFile")
	m.when(c.Database.Shared() && c.Store != "", "store", "is set beside a database",
		"the state is in one place: take out store, or database.urlFile and "+databaseVariable)
	m.when(c.Database.Shared() && time.Duration(c.Token.Deadline) >= engine.Patience, "token.deadline",
		fmt.Sprintf("is not shorter than %s", engine.Patience),
		"the database ends a transaction that waits longer for a signature, so that a stopped replica does not stop the others")
}
