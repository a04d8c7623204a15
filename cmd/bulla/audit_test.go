package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
)

// firstEntry is when the first entry of a log in a script was recorded; each
// later one is a minute after the one before.
var firstEntry = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// cmdAuditLog is the key service's audit log, in software. `fleet FILE log` makes
// it.
//
//	auditlog grant CLUSTER OBJECT FILE HEAD [TIMES [ALSO...]]
//	auditlog record KIND OUTCOME PERSON DETAIL
//	auditlog head HEAD
//	auditlog report CLUSTER OBJECT STATE HEAD [ALSO...]
//	auditlog enrol NAME    with the keys of `keys NAME`
//	auditlog fork N        another log under the same key, with the first N entries
//	auditlog serve         sets LOGURL
func cmdAuditLog(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	switch args[0] {
	case "grant":
		times, also := 1, []string(nil)
		if len(args) > 5 {
			times, also = must(strconv.Atoi(args[5])), args[6:]
		}
		for range times {
			w.record(audit.Entry{Kind: audit.Unseal, Outcome: "Granted", Cluster: args[1], Object: args[2],
				Digest: api.StubDigest([]byte(ts.ReadFile(args[3]))), Head: args[4],
				Placement: strings.Split(args[2], "/")[0], Also: also})
		}
	case "record":
		w.record(audit.Entry{Kind: audit.Kind(args[1]), Outcome: args[2], Person: args[3], Detail: args[4]})
	case "head":
		w.record(audit.Entry{Kind: audit.Head, Outcome: audit.Done, Head: args[1], Detail: "first"})
	case "report":
		w.record(audit.Entry{Kind: audit.Report, Outcome: audit.Done, Cluster: args[1], Object: args[2], Head: args[4],
			Placement: strings.Split(args[2], "/")[0], Also: args[5:], Detail: audit.ReportDetail(len(args)-4, args[3])})
	case "enrol":
		w.record(audit.Entry{Kind: audit.Enrol, Outcome: audit.Done, Cluster: args[1], Identity: ts.Getenv("IDENTITY"),
			Recipient: ts.Getenv("RECIPIENT")})
	case "fork":
		w.log = w.log.Fork(must(strconv.ParseInt(args[1], 10, 64)))
		w.logs.Use(w.log)
	case "serve":
		ts.Setenv("LOGURL", w.serveLog(ts))
	default:
		ts.Fatalf("auditlog: unknown argument %s", args[0])
	}
}

func (w *world) record(e audit.Entry) {
	e.Fleet, e.Time = w.fleet, firstEntry.Add(time.Duration(w.log.Size())*time.Minute)
	w.log.Record(e)
}

// serveLog lists the log on loopback until the script ends.
func (w *world) serveLog(ts *testscript.TestScript) string {
	mux := http.NewServeMux()
	mux.Handle(keyservicev1connect.NewAdminServiceHandler(w.logs))
	ca := w.authority()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	leaf := w.issue(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key.Public())
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, ca.Raw}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS13, ClientAuth: tls.RequestClientCert,
	}
	server.EnableHTTP2 = true
	server.StartTLS()
	ts.Defer(server.Close)
	return server.URL
}

// cmdRewrite replaces a text in a file, once:
//
//	rewrite FILE OLD NEW
func cmdRewrite(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	if strings.Count(text, args[1]) < 1 {
		ts.Fatalf("rewrite: %q is not in %s", args[1], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}
