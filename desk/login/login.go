// Package login keeps a person's credentials for key services, one for each
// fleet: a private key made here, and the certificate that an operator issued; or the
// tokens of an OpenID provider.
//
// Which roles they have stands in the service's configuration, not here. The file is refused when anybody else
// can read or write it.
package login

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/personal"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// keyBlock is the type of a private key's PEM block (PKCS #8).
const keyBlock = "PRIVATE KEY"

// Errors that commands branch on.
var (
	// ErrExposed reports a file that other users can read or write.
	ErrExposed = errors.New("other users can read or write it")
	// ErrNone: there is no login for the fleet, or none that was completed with a
	// certificate.
	ErrNone = errors.New("no login for this fleet's key service")
	// ErrSeveral: there are logins for several fleets, and none was named.
	ErrSeveral = errors.New("logged in to several fleets")
	// ErrExpired: the certificate's life is over.
	ErrExpired = errors.New("the certificate expired")
	// ErrEnded: so is the token's, and there is nothing to have another for.
	ErrEnded = errors.New("it ended")
)

// Login is a person's access to the key service of one fleet.
type Login struct {
	// Fleet is the fleet's id.
	Fleet string `json:"fleet"`
	// Key is the private key, PEM; empty of who signs in.
	Key string `json:"key,omitempty"`
	// Certificate is what the operator issued, with the authority's, PEM; empty
	// until then.
	Certificate string `json:"certificate,omitempty"`
	// URL of the key service; empty until there is a certificate.
	URL string `json:"url,omitempty"`
	// OIDC is of who signs in at an OpenID provider, in the place of key and certificate.
	OIDC *Session `json:"oidc,omitempty"`
}

// New makes a login with a fresh P-256 key and no certificate.
func New(fleet string) (*Login, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return &Login{Fleet: fleet, Key: string(pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}))}, nil
}

// signer never quotes what it cannot read.
func (l *Login) signer() (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(l.Key))
	if block == nil || block.Type != keyBlock {
		return nil, unreadable("is not a PEM private key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, unreadable("does not parse")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, unreadable("is not ECDSA P-256")
	}
	return key, nil
}

func unreadable(problem string) error {
	return fault.New("`bulla login --new-key` makes another, for another certificate", "read login: the key %s", problem)
}

// Request returns the certificate request (PEM) for the key, and the identity
// that an operator puts into the service's configuration.
func (l *Login) Request() (request []byte, identity string, err error) {
	key, err := l.signer()
	if err != nil {
		return nil, "", err
	}
	if request, err = protocol.PersonRequest(key); err != nil {
		return nil, "", err
	}
	identity, err = protocol.PublicKeyHash(key.Public())
	return request, identity, err
}

// Complete takes the certificate that an operator issued for the key.
func (l *Login) Complete(certificate []byte, url string) (client.Person, error) {
	key, err := l.signer()
	if err != nil {
		return client.Person{}, err
	}
	_, who, err := client.ReadPerson(certificate, key)
	if err != nil {
		return client.Person{}, err
	}
	if who.Fleet != l.Fleet {
		return client.Person{}, fmt.Errorf("read certificate: it is for fleet %s, not %s", who.Fleet, l.Fleet)
	}
	l.Certificate, l.URL = string(certificate), url
	return who, nil
}

// Person is who the certificate names.
func (l *Login) Person() (client.Person, error) {
	key, err := l.signer()
	if err != nil {
		return client.Person{}, err
	}
	_, who, err := client.ReadPerson([]byte(l.Certificate), key)
	return who, err
}

// Leaf is the certificate itself.
func (l *Login) Leaf() (*x509.Certificate, error) {
	leaf, _, err := protocol.ReadPersonFile([]byte(l.Certificate))
	if err != nil {
		return nil, fault.New("take it again: bulla login --certificate FILE", "read login: %w", err)
	}
	return leaf, nil
}

// Admin returns a client of the service. A certificate that expired is
// [ErrExpired] here, rather than a refusal that does not say why.
func (l *Login) Admin() (*client.Admin, error) {
	if l.OIDC != nil {
		return l.bearer(), nil
	}
	key, err := l.signer()
	if err != nil {
		return nil, err
	}
	credentials, who, err := client.ReadPerson([]byte(l.Certificate), key)
	if err != nil {
		return nil, fault.New("take it again: bulla login --certificate FILE", "read login: %w", err)
	}
	if time.Now().After(who.Expires) {
		return nil, fault.New("give the request that `bulla login` prints to an operator, for a new certificate",
			"log in to key service: %w on %s", ErrExpired, who.Expires.Format(time.RFC3339))
	}
	return client.NewAdmin(l.URL, credentials.Certificate, credentials.CA), nil
}

// Store is the file of logins.
type Store struct{ file *personal.Store[document] }

// Open returns the user's store, bulla/login.yaml in their configuration.
func Open() (*Store, error) {
	file, err := personal.Open[document]("login.yaml", personal.Rules{
		Nobody: 0o077, Exposed: ErrExposed, Then: "and if somebody else may have read the key: bulla login --new-key",
		Writer: "`bulla login`", Secret: true,
	})
	if err != nil {
		return nil, err
	}
	return &Store{file}, nil
}

// Path of the store's file, which may not exist yet.
func (s *Store) Path() string { return s.file.Path() }

type document struct {
	Logins []Login `json:"logins"`
}

// List returns the logins, sorted by fleet.
func (s *Store) List() ([]Login, error) {
	all, err := s.file.Read()
	return all.Logins, err
}

// Find returns the login for a fleet, or the only one there is when fleet is
// empty. It may have no certificate yet.
func (s *Store) Find(fleet string) (*Login, error) {
	logins, err := s.List()
	if err != nil {
		return nil, err
	}
	if fleet == "" && len(logins) > 1 {
		return nil, fault.New("run this inside a fleet repository, or give --fleet-id", "%w", ErrSeveral)
	}
	for i := range logins {
		if fleet == "" || logins[i].Fleet == fleet {
			return &logins[i], nil
		}
	}
	return nil, fault.New(howToLogIn, "%w", ErrNone)
}

// Put writes a login in the place of the fleet's earlier one.
func (s *Store) Put(l Login) error {
	logins, err := s.List()
	if err != nil {
		return err
	}
	logins = slices.DeleteFunc(logins, func(other Login) bool { return other.Fleet == l.Fleet })
	return s.write(append(logins, l))
}

// Remove forgets a fleet's login, key and all, and reports whether there was one.
func (s *Store) Remove(fleet string) (bool, error) {
	logins, err := s.List()
	if err != nil {
		return false, err
	}
	rest := slices.DeleteFunc(slices.Clone(logins), func(l Login) bool { return l.Fleet == fleet })
	if len(rest) == len(logins) {
		return false, nil
	}
	return true, s.write(rest)
}

func (s *Store) write(logins []Login) error {
	slices.SortFunc(logins, func(a, b Login) int { return cmp.Compare(a.Fleet, b.Fleet) })
	return s.file.Write(document{Logins: logins})
}
