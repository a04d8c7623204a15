package client_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

type library struct {
	auditlog.Service
	log *auditlog.Log
}

// newLibrary is a log of 25 entries, and a person who may read it.
func newLibrary(t *testing.T) (*library, *client.Admin, *client.Log) {
	t.Helper()
	authority := newCA(t)
	l := &library{log: auditlog.New(t, fleet)}
	l.Use(l.log)
	for i := range 25 {
		l.log.Record(audit.Entry{Time: time.Unix(int64(i), 0), Kind: audit.Unseal, Outcome: "Granted", Fleet: fleet, Cluster: fmt.Sprintf("prod-%d", i%3)})
	}
	mux := http.NewServeMux()
	mux.Handle(keyservicev1connect.NewAdminServiceHandler(&l.Service))
	person := authority.issue(&x509.Certificate{URIs: []*url.URL{protocol.PersonURI(fleet, "ada")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, newKey(t))
	admin := client.NewAdmin(authority.serve(mux, loopback), person, authority.certificate)
	t.Cleanup(admin.Close)
	key := l.log.VerifierKey()
	return l, admin, client.NewLog(func() string { return key }, &auditlog.Memory{})
}

func TestTheAuditLogIsReadPageByPage(t *testing.T) {
	_, admin, log := newLibrary(t)
	for cluster, want := range map[string]int{"": 25, "prod-1": 8, "nobody": 0} {
		var got int
		for from := int64(0); ; {
			page, err := admin.ReadAudit(t.Context(), log, &keyservicev1.ListAuditRequest{From: uint64(from), Cluster: cluster})
			if err != nil {
				t.Fatal(err)
			}
			got += len(page.Entries)
			if from = page.Next; from == 0 {
				break
			}
		}
		if got != want {
			t.Errorf("cluster %q: %d entries, want %d", cluster, got, want)
		}
	}
}

func TestNoEntryIsShownThatIsNotInTheLog(t *testing.T) {
	type response = keyservicev1.ListAuditResponse
	for name, tamper := range map[string]func(*library, *response){
		"no log":              func(_ *library, r *response) { r.Log = nil },
		"no proof":            func(_ *library, r *response) { r.Entries[3].Proof = nil },
		"an edited entry":     func(_ *library, r *response) { r.Entries[3].Entry[20] ^= 1 },
		"another index":       func(_ *library, r *response) { r.Entries[3].Index++ },
		"an entry twice":      func(_ *library, r *response) { r.Entries[3] = r.Entries[2] },
		"entries in disorder": func(_ *library, r *response) { r.Entries[3], r.Entries[2] = r.Entries[2], r.Entries[3] },
		"entries before from": func(l *library, r *response) {
			r.Entries[0] = &keyservicev1.Inclusion{Index: 0, Entry: l.log.Leaf(0), Proof: l.log.Inclusion(25, 0)}
		},
		"another cluster's": func(l *library, r *response) {
			r.Entries[0] = &keyservicev1.Inclusion{Index: 5, Entry: l.log.Leaf(5), Proof: l.log.Inclusion(25, 5)}
		},
		"a page without an end": func(_ *library, r *response) { r.Next = 4 },
		"a page past the end":   func(_ *library, r *response) { r.Next = 26 },
		"a smaller log":         func(l *library, r *response) { r.Log.Checkpoint = l.log.Signed(24) },
	} {
		t.Run(name, func(t *testing.T) {
			l, admin, log := newLibrary(t)
			ask := func() error {
				_, err := admin.ReadAudit(t.Context(), log, &keyservicev1.ListAuditRequest{From: 4, Cluster: "prod-1"})
				return err
			}
			if err := ask(); err != nil {
				t.Fatal(err)
			}
			l.Tamper = func(r *response) { tamper(l, r) }
			if err := ask(); !errors.As(err, new(*client.LogError)) {
				t.Errorf("error %v, want a LogError", err)
			}
		})
	}
}
