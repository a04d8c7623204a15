package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/postgres"
	"github.com/bulla-dev/bulla/keyservice/store"
	db "github.com/bulla-dev/bulla/keyservice/store/engine"
)

func TestADatabaseElsewhereMustProveThatItIsTheOne(t *testing.T) {
	authority := url.QueryEscape(authorityFile(t))
	for address, verified := range map[string]bool{
		"postgres://u:p@db.invalid/bulla":                              false, // pgx would try TLS and then do without
		"postgres://u:p@db.invalid/bulla?sslmode=disable":              false,
		"postgres://u:p@db.invalid/bulla?sslmode=require":              false,
		"postgres://u:p@127.0.0.1:1,db.invalid/bulla?sslmode=disable":  false,
		"host=db.invalid user=u password=p dbname=bulla sslmode=allow": false,
		"postgres://u:p@db.invalid/bulla?sslmode=verify-full":          true,
		// Any certificate of the authority would do.
		"postgres://u:p@db.invalid/bulla?sslmode=verify-ca":                            false,
		"postgres://u:p@db.invalid/bulla?sslmode=require&sslrootcert=" + authority:     false,
		"postgres://u:p@127.0.0.1:1,db.invalid/bulla?sslmode=verify-ca":                false,
		"postgres://u:p@db.invalid/bulla?sslmode=verify-full&sslrootcert=" + authority: true,
		"postgres://u:p@127.0.0.1:1/bulla?sslmode=disable":                             true,
		"host=/nonexistent user=u password=p dbname=bulla":                             true,
		"postgres://u:p@[::1]:1,localhost:1/bulla?sslmode=prefer&connect_timeout=1":    true,
	} {
		_, err := store.OpenPostgres(t.Context(), address)
		if err == nil || errors.Is(err, db.ErrUnverified) == verified {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// authorityFile is a certificate to trust; nobody has its key.
func authorityFile(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	path := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return path
}

func TestErrorsOfADatabaseNeverCarryItsPassword(t *testing.T) {
	server := postgres.ForTestOwn(t)
	const password = "s3cr3t-canary-password"
	right := server.URL("postgres")
	wrong := strings.Replace(right, server.Password, password, 1)
	for name, address := range map[string]string{
		"a URL that does not parse": "postgres://bulla:" + password + "@%zz/",
		"an unknown parameter":      with(wrong, "sslmode", "nonsense"),
		"a wrong password":          wrong,
		"an unknown database":       strings.Replace(wrong, "/postgres?", "/nothing?", 1),
		"nobody there":              strings.Replace(wrong, server.Address(), "127.0.0.1:1", 1),
		"an unverified host":        "postgres://bulla:" + password + "@db.invalid/bulla",
	} {
		_, err := store.OpenPostgres(t.Context(), address)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error carries the password", name)
		}
	}
}

func TestAServerThatDoesNotFlushIsRefused(t *testing.T) {
	server := postgres.ForTestOwn(t)
	must(t, server.Exec(t.Context(), "postgres", "ALTER SYSTEM SET fsync = off"))
	must(t, server.Restart(t.Context()))
	if _, err := store.OpenPostgres(t.Context(), server.URL(server.Database(t))); err == nil ||
		!strings.Contains(err.Error(), "fsync") {
		t.Fatalf("%v, want a refusal", err)
	}
}

func TestCommitsAreFlushedAndWaitsBoundedWhateverTheServersDefault(t *testing.T) {
	server := postgres.ForTest(t)
	database := server.Database(t)
	must(t, server.Exec(t.Context(), "postgres", "ALTER DATABASE "+database+" SET synchronous_commit = off"))
	must(t, server.Exec(t.Context(), database, "CREATE FUNCTION flushed() RETURNS event_trigger AS $$ BEGIN "+
		"IF current_setting('synchronous_commit') <> 'on' THEN RAISE 'not flushed'; END IF; "+
		"IF '0' IN (current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout'), "+
		"current_setting('statement_timeout')) THEN RAISE 'unbounded'; END IF; "+
		"END $$ LANGUAGE plpgsql; "+
		"CREATE EVENT TRIGGER flushed ON ddl_command_end EXECUTE FUNCTION flushed()"))
	s, err := store.OpenPostgres(t.Context(), server.URL(database))
	must(t, err)
	must(t, s.Close())
}

func TestReplicasThatStartAtOnceMakeTheTablesOnce(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		begin := make(chan struct{})
		failed := make(chan error, 6)
		for range cap(failed) {
			go func() {
				<-begin
				s, err := e.connect(t.Context())
				if err == nil {
					err = s.Close()
				}
				failed <- err
			}()
		}
		close(begin)
		for range cap(failed) {
			must(t, <-failed)
		}
	})
}

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	server := postgres.ForTest(t)
	database := server.Database(t)
	s, err := store.OpenPostgres(t.Context(), server.URL(database))
	must(t, err)
	must(t, s.Close())
	must(t, server.Exec(t.Context(), database, "UPDATE schema_version SET version = version + 1"))
	if _, err := store.OpenPostgres(t.Context(), server.URL(database)); err == nil ||
		!strings.Contains(err.Error(), "newer than this program") {
		t.Fatalf("%v, want a refusal", err)
	}
}
