package protocol_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/url"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

const fleet = "00112233445566778899aabbccddeeff"

// certificate signs a template for itself: what is read is what came out of DER.
func certificate(t *testing.T, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	read, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestACertificateNamesOneCluster(t *testing.T) {
	uri := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	good := uri("bulla://" + fleet + "/prod-eu")
	for name, c := range map[string]*x509.Certificate{
		"no name":             {},
		"two names":           {URIs: []*url.URL{good, good}},
		"a DNS name beside":   {URIs: []*url.URL{good}, DNSNames: []string{"prod-us"}},
		"another scheme":      {URIs: []*url.URL{uri("spiffe://" + fleet + "/prod-eu")}},
		"a longer path":       {URIs: []*url.URL{uri("bulla://" + fleet + "/prod-eu/x")}},
		"an escaped name":     {URIs: []*url.URL{uri("bulla://" + fleet + "/prod%2Deu")}},
		"a query":             {URIs: []*url.URL{uri("bulla://" + fleet + "/prod-eu?cluster=prod-us")}},
		"a user":              {URIs: []*url.URL{uri("bulla://x@" + fleet + "/prod-eu")}},
		"capitals":            {URIs: []*url.URL{uri("bulla://" + fleet + "/Prod-EU")}},
		"a fleet of no digit": {URIs: []*url.URL{uri("bulla://acme/prod-eu")}},
	} {
		leaf := certificate(t, c)
		if f, cluster, err := protocol.ParseClusterURI(leaf); err == nil {
			t.Errorf("%s: reads as %q of %q", name, cluster, f)
		}
	}
	f, cluster, err := protocol.ParseClusterURI(certificate(t, &x509.Certificate{URIs: []*url.URL{protocol.ClusterURI(fleet, "prod-eu")}}))
	if err != nil || f != fleet || cluster != "prod-eu" {
		t.Errorf("%q of %q, %v", cluster, f, err)
	}
}

func TestACertificateNamesAPersonOrACluster(t *testing.T) {
	for text, want := range map[string]struct{ cluster, person string }{
		"bulla://" + fleet + "/prod-eu":                   {cluster: "prod-eu"},
		"bulla://" + fleet + "/people":                    {cluster: "people"},
		"bulla://" + fleet + "/people/alice":              {person: "alice"},
		"bulla://" + fleet + "/people/people":             {person: "people"},
		"bulla://" + fleet + "/people/a.b-c_d":            {person: "a.b-c_d"},
		"bulla://" + fleet + "/people/":                   {},
		"bulla://" + fleet + "/people/alice/":             {},
		"bulla://" + fleet + "/people/alice/bob":          {},
		"bulla://" + fleet + "/people//alice":             {},
		"bulla://" + fleet + "/people/Alice":              {},
		"bulla://" + fleet + "/people/..":                 {},
		"bulla://" + fleet + "/people%2Falice":            {},
		"bulla://" + fleet + "/people/alice?x":            {},
		"bulla://" + fleet + "/people/alice#x":            {},
		"bulla://u@" + fleet + "/people/alice":            {},
		"bulla://" + fleet + ":1/people/alice":            {},
		"https://" + fleet + "/people/alice":              {},
		"bulla://" + fleet[1:] + "/people/alice":          {},
		"bulla:people/alice":                              {},
		"bulla://" + strings.ToUpper(fleet) + "a/x/alice": {},
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		leaf := certificate(t, &x509.Certificate{URIs: []*url.URL{u}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		_, cluster, clusterErr := protocol.ParseClusterURI(leaf)
		_, person, personErr := protocol.ParsePersonURI(leaf)
		if cluster != want.cluster || person != want.person {
			t.Errorf("%s: cluster %q, person %q", text, cluster, person)
		}
		if (clusterErr == nil) != (want.cluster != "") || (personErr == nil) != (want.person != "") {
			t.Errorf("%s: %v, %v", text, clusterErr, personErr)
		}
	}
}
