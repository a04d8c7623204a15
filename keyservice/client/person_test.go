package client_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func TestAPersonsFileIsForTheirKey(t *testing.T) {
	authority, stranger := newCA(t), newCA(t)
	key := newKey(t)
	template := func() *x509.Certificate {
		return &x509.Certificate{URIs: []*url.URL{protocol.PersonURI(fleet, "alice")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	}
	leaf := authority.issue(template(), key).Leaf
	file := protocol.WritePerson(leaf, authority.certificate)
	credentials, who, err := client.ReadPerson(file, key)
	if err != nil || who.Name != "alice" || who.Fleet != fleet || !who.Expires.Equal(leaf.NotAfter) {
		t.Fatalf("%+v, %v", who, err)
	}
	if !credentials.CA.Equal(authority.certificate) {
		t.Error("the authority is another one")
	}
	cluster := authority.issue(&x509.Certificate{URIs: []*url.URL{protocol.ClusterURI(fleet, "alice")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key).Leaf
	for name, file := range map[string][]byte{
		"for another key":             protocol.WritePerson(authority.issue(template(), newKey(t)).Leaf, authority.certificate),
		"with another authority":      protocol.WritePerson(leaf, stranger.certificate),
		"without the authority":       file[:len(file)/2],
		"the wrong way round":         protocol.WritePerson(authority.certificate, leaf),
		"with a third certificate":    append(append([]byte{}, file...), file...),
		"of a cluster":                protocol.WritePerson(cluster, authority.certificate),
		"with nothing in it":          nil,
		"a request, no certificate":   must(protocol.PersonRequest(key)),
		"with something that follows": append(append([]byte{}, file...), must(protocol.PersonRequest(key))...),
	} {
		if _, _, err := client.ReadPerson(file, key); err == nil {
			t.Errorf("a file %s was taken", name)
		}
	}
	if _, err := protocol.ReadRequest(file); err == nil {
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
	leaf := authority.issue(&x509.Certificate{URIs: []*url.URL{protocol.PersonURI(fleet, "alice")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key).Leaf
	seeds := [][]byte{protocol.WritePerson(leaf, authority.certificate), must(protocol.PersonRequest(key)), []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if _, _, err := client.ReadPerson(seeds[0], key); err != nil {
		f.Fatalf("the first seed is not read: %v", err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, who, err := client.ReadPerson(file, key); err == nil && (who.Fleet != fleet || !protocol.IsPersonName(who.Name)) {
			t.Errorf("%+v", who)
		}
		der, err := protocol.ReadRequest(file)
		if err != nil {
			return
		}
		again, err := protocol.ReadRequest(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
		if err != nil || !bytes.Equal(again, der) {
			t.Errorf("does not read back: %v", err)
		}
	})
}
