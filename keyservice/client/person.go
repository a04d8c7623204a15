package client

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Person is what a person's certificate says.
type Person struct {
	Fleet, Name string
	Expires     time.Time
}

// ReadPerson reads the file of [protocol.WritePerson] for the key that the request was
// made with: two certificates, the first issued by the second.
func ReadPerson(file []byte, key crypto.Signer) (*Credentials, Person, error) {
	leaf, ca, err := protocol.ReadPersonFile(file)
	if err != nil {
		return nil, Person{}, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: leaf.NotBefore.Add(time.Second),
	}); err != nil {
		return nil, Person{}, fmt.Errorf("read certificate: %w", err)
	}
	own, err := protocol.PublicKeyHash(key.Public())
	if err != nil {
		return nil, Person{}, err
	}
	if protocol.SPKIHash(leaf) != own {
		return nil, Person{}, errors.New("read certificate: it is for another key")
	}
	fleet, name, err := protocol.ParsePersonURI(leaf)
	if err != nil {
		return nil, Person{}, err
	}
	return &Credentials{
		Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		CA:          ca,
	}, Person{Fleet: fleet, Name: name, Expires: leaf.NotAfter}, nil
}
