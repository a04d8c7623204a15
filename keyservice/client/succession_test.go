package client_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// renewer answers Renew with what the test says.
type renewer struct {
	keyservicev1connect.UnimplementedKeyServiceHandler
	answer *keyservicev1.RenewResponse
}

func (r renewer) Renew(_ context.Context, in *keyservicev1.RenewRequest) (*keyservicev1.RenewResponse, error) {
	if in.GetTime() == 0 {
		return nil, errors.New("the request does not say the caller's time")
	}
	return r.answer, nil
}

// certify makes a certificate of an authority's key under another's.
func certify(t *testing.T, by, of *ca, isCA bool) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "next"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, of.key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestASuccessorOfTheAuthorityNeedsTheOldKeysSignature: a service that was taken
// over, old serving certificate and all, wants clusters to trust an authority of
// its own from the next renewal on.
func TestASuccessorOfTheAuthorityNeedsTheOldKeysSignature(t *testing.T) {
	pinned, second, third, stranger := newCA(t), newCA(t), newCA(t), newCA(t)
	key := newKey(t)
	renew := func(ca *ca, line ...[]byte) (*client.Credentials, error) {
		leaf := ca.issue(&x509.Certificate{URIs: []*url.URL{protocol.ClusterURI(fleet, "prod-eu")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key)
		address := pinned.serve(muxOf(renewer{answer: &keyservicev1.RenewResponse{
			Certificate: leaf.Leaf.Raw, Ca: ca.certificate.Raw, Succession: line, Time: time.Now().UnixMicro(), GraceUrl: "https://keys.example.com:8444"}}), loopback)
		presented := pinned.issue(&x509.Certificate{URIs: []*url.URL{protocol.ClusterURI(fleet, "prod-eu")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key)
		c := client.New(address, presented, pinned.certificate, nil)
		defer c.Close()
		return c.Renew(t.Context())
	}
	wayBack, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(9), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true}, pinned.certificate, second.key.Public(), pinned.key)
	if err != nil {
		t.Fatal(err)
	}
	first, second2, third3 := pinned.certificate.Raw, certify(t, pinned, second, true), certify(t, second, third, true)
	for name, c := range map[string]struct {
		ca   *ca
		line [][]byte
	}{
		"the same authority":                     {pinned, nil},
		"its successor":                          {second, [][]byte{first, second2}},
		"its successor's successor":              {third, [][]byte{first, second2, third3}},
		"its successor, with an older one first": {second, [][]byte{stranger.certificate.Raw, first, second2}},
	} {
		got, err := renew(c.ca, c.line...)
		if err != nil || !got.CA.Equal(c.ca.certificate) || got.GraceURL == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		ca   *ca
		line [][]byte
	}{
		"a stranger without a line":            {stranger, nil},
		"a stranger after the pinned one":      {stranger, [][]byte{first, stranger.certificate.Raw}},
		"a stranger who signed for himself":    {stranger, [][]byte{first, certify(t, stranger, stranger, true)}},
		"a stranger who signed for the pinned": {stranger, [][]byte{certify(t, stranger, pinned, true), stranger.certificate.Raw}},
		"a successor of a stranger":            {third, [][]byte{first, certify(t, stranger, third, true)}},
		"a line with a step missing":           {third, [][]byte{first, third3}},
		"a line in the wrong order":            {third, [][]byte{first, third3, second2}},
		"a key that was not made an authority": {second, [][]byte{first, certify(t, pinned, second, false)}},
		"the way back to a key that was left":  {second, [][]byte{first, wayBack}},
		"a line that is too long":              {second, append([][]byte{first, first, first, first, first, first, first, first}, second2)},
		"bytes that are no certificate":        {second, [][]byte{first, []byte("x")}},
	} {
		if _, err := renew(c.ca, c.line...); err == nil || !strings.Contains(err.Error(), "authority") {
			t.Errorf("%s: %v, want the authority refused", name, err)
		}
	}
}
