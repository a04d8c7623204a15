package client_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/client"
)

func TestACertificateNamesAPersonOrACluster(t *testing.T) {
	authority := newCA(t)
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
		leaf := authority.issue(&x509.Certificate{URIs: []*url.URL{u}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, newKey(t)).Leaf
		_, cluster, clusterErr := client.ParseClusterURI(leaf)
		_, person, personErr := client.ParsePersonURI(leaf)
		if cluster != want.cluster || person != want.person {
			t.Errorf("%s: cluster %q, person %q", text, cluster, person)
		}
		if (clusterErr == nil) != (want.cluster != "") || (personErr == nil) != (want.person != "") {
			t.Errorf("%s: %v, %v", text, clusterErr, personErr)
		}
	}
}

func TestAPersonsFileIsForTheirKey(t *testing.T) {
	authority, stranger := newCA(t), newCA(t)
	key := newKey(t)
	template := func() *x509.Certificate {
		return &x509.Certificate{URIs: []*url.URL{client.PersonURI(fleet, "alice")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	}
	leaf := authority.issue(template(), key).Leaf
	file := client.WritePerson(leaf, authority.certificate)
	credentials, who, err := client.ReadPerson(file, key)
	if err != nil || who.Name != "alice" || who.Fleet != fleet || !who.Expires.Equal(leaf.NotAfter) {
		t.Fatalf("%+v, %v", who, err)
	}
	if !credentials.CA.Equal(authority.certificate) {
		t.Error("the authority is another one")
	}
	cluster := authority.issue(&x509.Certificate{URIs: []*url.URL{client.ClusterURI(fleet, "alice")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key).Leaf
	for name, file := range map[string][]byte{
		"for another key":             client.WritePerson(authority.issue(template(), newKey(t)).Leaf, authority.certificate),
		"with another authority":      client.WritePerson(leaf, stranger.certificate),
		"without the authority":       file[:len(file)/2],
		"the wrong way round":         client.WritePerson(authority.certificate, leaf),
		"with a third certificate":    append(append([]byte{}, file...), file...),
		"of a cluster":                client.WritePerson(cluster, authority.certificate),
		"with nothing in it":          nil,
		"a request, no certificate":   must(client.PersonRequest(key)),
		"with something that follows": append(append([]byte{}, file...), must(client.PersonRequest(key))...),
	} {
		if _, _, err := client.ReadPerson(file, key); err == nil {
			t.Errorf("a file %s was taken", name)
		}
	}
	if _, err := client.ReadRequest(file); err == nil {
		t.Error("a certificate was taken for a request")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// FuzzReadPerson: two readers of files that people send each other. What is read
// is one request, or one certificate of one person.
func FuzzReadPerson(f *testing.F) {
	authority := newCA(f)
	key := newKey(f)
	leaf := authority.issue(&x509.Certificate{URIs: []*url.URL{client.PersonURI(fleet, "alice")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key).Leaf
	seeds := [][]byte{client.WritePerson(leaf, authority.certificate), must(client.PersonRequest(key)), []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if _, _, err := client.ReadPerson(seeds[0], key); err != nil {
		f.Fatalf("the first seed is not read: %v", err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, who, err := client.ReadPerson(file, key); err == nil && (who.Fleet != fleet || !client.IsPersonName(who.Name)) {
			t.Errorf("%+v", who)
		}
		der, err := client.ReadRequest(file)
		if err != nil {
			return
		}
		again, err := client.ReadRequest(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
		if err != nil || !bytes.Equal(again, der) {
			t.Errorf("does not read back: %v", err)
		}
	})
}
