package client

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// people is the first element of the path in a person's URI. A cluster's path
// has one element, so neither form can be read as the other, whatever a cluster
// or a person is called.
const people = "/people/"

var personName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

// IsPersonName reports whether a name can stand in a certificate: lower-case
// letters, digits, '.', '_' and '-', at most 63, no punctuation at the ends.
func IsPersonName(name string) bool { return personName.MatchString(name) }

// PersonURI is the subject alternative name of a person's certificate.
func PersonURI(fleet, name string) *url.URL {
	return &url.URL{Scheme: "bulla", Host: fleet, Path: people + name}
}

// ParsePersonURI returns the fleet and the person that a client certificate
// names. Like [ParseClusterURI] it refuses a certificate with any other name
// beside it, and one that could be anything but a client's.
func ParsePersonURI(certificate *x509.Certificate) (fleet, name string, err error) {
	names := len(certificate.DNSNames) + len(certificate.EmailAddresses) + len(certificate.IPAddresses)
	if len(certificate.URIs) != 1 || names != 0 {
		return "", "", errors.New("read client certificate: it does not name exactly one person")
	}
	u := certificate.URIs[0]
	fleet = u.Host
	name, ok := strings.CutPrefix(u.Path, people)
	if !ok || !fleetID.MatchString(fleet) || !personName.MatchString(name) || u.String() != PersonURI(fleet, name).String() {
		return "", "", errors.New("read client certificate: its name is not bulla://FLEET/people/NAME")
	}
	if certificate.IsCA || len(certificate.ExtKeyUsage) != 1 || certificate.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		return "", "", errors.New("read client certificate: it is for more than a client")
	}
	return fleet, name, nil
}

const (
	requestBlock     = "CERTIFICATE REQUEST"
	certificateBlock = "CERTIFICATE"
)

// PersonRequest is a certificate request (PEM) for a person's key. It carries
// the public key and proves possession; the name comes from the operator.
func PersonRequest(key crypto.Signer) ([]byte, error) {
	der, err := newCSR(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: requestBlock, Bytes: der}), nil
}

// ReadRequest returns the request in a PEM file (DER).
func ReadRequest(file []byte) ([]byte, error) {
	block, rest := pem.Decode(file)
	if block == nil || block.Type != requestBlock || len(strings.TrimSpace(string(rest))) != 0 {
		return nil, fmt.Errorf("read certificate request: it is not one PEM block %q", requestBlock)
	}
	return block.Bytes, nil
}

// WritePerson is the file that an operator hands to a person: the certificate,
// and the authority that the service is verified under.
func WritePerson(certificate, ca *x509.Certificate) []byte {
	file := pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: certificate.Raw})
	return append(file, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: ca.Raw})...)
}

// Person is what a person's certificate says.
type Person struct {
	Fleet, Name string
	Expires     time.Time
}

// ReadPerson reads the file of [WritePerson] for the key that the request was
// made with: two certificates, the first issued by the second.
func ReadPerson(file []byte, key crypto.Signer) (*Credentials, Person, error) {
	chain, err := readChain(file)
	if err != nil {
		return nil, Person{}, err
	}
	leaf, ca := chain[0], chain[1]
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: leaf.NotBefore.Add(time.Second),
	}); err != nil {
		return nil, Person{}, fmt.Errorf("read certificate: %w", err)
	}
	own, err := PublicKeyHash(key.Public())
	if err != nil {
		return nil, Person{}, err
	}
	if SPKIHash(leaf) != own {
		return nil, Person{}, errors.New("read certificate: it is for another key")
	}
	fleet, name, err := ParsePersonURI(leaf)
	if err != nil {
		return nil, Person{}, err
	}
	return &Credentials{
		Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		CA:          ca,
	}, Person{Fleet: fleet, Name: name, Expires: leaf.NotAfter}, nil
}

func readChain(file []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for {
		block, rest := pem.Decode(file)
		if block == nil {
			break
		}
		if block.Type != certificateBlock || len(chain) == 2 {
			return nil, errors.New("read certificate: the file holds more than a certificate and its authority's")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		chain, file = append(chain, certificate), rest
	}
	if len(chain) != 2 {
		return nil, errors.New("read certificate: the file does not hold a certificate and its authority's")
	}
	return chain, nil
}
