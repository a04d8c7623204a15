package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// connections bounds what one replica opens to PostgreSQL.
	connections = 8

	// Patience is how long a transaction may wait for its own replica between two
	// statements. A replica that was stopped, or lost, in the middle of one loses
	// the transaction and the lock then, and the others go on; when it wakes up,
	// its commit fails. One signature by the token stands between two statements,
	// so the token's deadline must be shorter.
	Patience = 10 * time.Second
	// lockPatience is how long a transaction waits for the lock: longer than a
	// stopped replica keeps it.
	lockPatience = Patience + 5*time.Second
	// statementPatience ends a statement that hangs, waiting included.
	statementPatience = lockPatience + 5*time.Second
	connectPatience   = 5 * time.Second
)

// ErrUnverified means that the connection would not prove that it is the database's.
var ErrUnverified = errors.New("the connection is not verified")

// checkVerified refuses a connection to another machine that somebody between
// could take over: who answers for the database can set accepted heads back.
func checkVerified(config *pgx.ConnConfig) error {
	if !isVerified(config.Host, config.TLSConfig) {
		return ErrUnverified
	}
	for _, other := range config.Fallbacks {
		if !isVerified(other.Host, other.TLSConfig) {
			return ErrUnverified
		}
	}
	return nil
}

// isVerified asks what pgx made of sslmode: verify-full checks chain and name as
// crypto/tls does. verify-ca, and require with sslrootcert, check the chain alone
// in a function of their own: whoever has any certificate of that authority, such
// as a neighbour of one cloud's, would answer for the database. The others check
// nothing.
func isVerified(host string, config *tls.Config) bool {
	if strings.HasPrefix(host, "/") || host == "localhost" {
		return true
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	return config != nil && !config.InsecureSkipVerify
}

func setDefaults(config *pgx.ConnConfig) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectPatience
	}
	// A return from COMMIT means "on disk", whatever the server's default is.
	config.RuntimeParams["synchronous_commit"] = "on"
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	for name, value := range map[string]string{
		"application_name":                    "bulla-keyservice",
		"idle_in_transaction_session_timeout": milliseconds(Patience),
		"lock_timeout":                        milliseconds(lockPatience),
		"statement_timeout":                   milliseconds(statementPatience),
	} {
		if config.RuntimeParams[name] == "" {
			config.RuntimeParams[name] = value
		}
	}
}

// checkDurable refuses a server that does not flush: a power cut would give spent
// tokens and revoked heads back.
func (s *Engine) checkDurable(ctx context.Context) error {
	var fsync string
	if err := s.Reads.QueryRowContext(ctx, "SHOW fsync").Scan(&fsync); err != nil {
		return err
	}
	if fsync != "on" {
		return errors.New("the server runs with fsync off: a power cut would bring spent tokens back")
	}
	return nil
}
