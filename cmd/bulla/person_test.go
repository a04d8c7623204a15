package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/url"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulla-dev/bulla/keyservice/client"
)

// cmdCertify is an operator of the key service, with an authority in software:
//
//	certify [--cluster] NAME REQUEST CERTIFICATE
func cmdCertify(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	name := client.PersonURI
	if args[0] == "--cluster" {
		name, args = client.ClusterURI, args[1:]
	}
	csr := must(x509.ParseCertificateRequest(must(client.ReadRequest([]byte(ts.ReadFile(args[1]))))))
	ca := w.authority()
	leaf := w.issue(&x509.Certificate{URIs: []*url.URL{name(w.fleet, args[0])}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, csr.PublicKey)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), client.WritePerson(leaf, ca), 0o644))
}

// authority is the certificate of the key service's authority, made on demand.
func (w *world) authority() *x509.Certificate {
	if w.ca == nil {
		w.caKey = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		w.ca = w.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, w.caKey.Public())
	}
	return w.ca
}

func (w *world) issue(template *x509.Certificate, public any) *x509.Certificate {
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent := w.ca
	if parent == nil {
		parent = template
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, public, w.caKey))))
}
