package authority

import (
	"errors"
	"net/http"
)

// Authenticator proves which person is behind a request, by one kind of proof. The
// service's own certificates are one ([Authority.ByCertificate]), tokens of an OpenID
// provider another (package openid).
type Authenticator interface {
	// Authenticate returns [ErrNotMine] for a request that has nothing of this kind:
	// the next one is asked. Any other error refuses the request, whatever it has
	// besides: who shows a bad proof is not let in by a second one.
	//
	// The name it returns is checked, and unique among all kinds. It grants nothing:
	// [People.Find] holds it to the configuration. It is safe for concurrent use,
	// and answers for this request alone: a connection outlives a proof.
	Authenticate(r *http.Request) (Person, error)
}

// Errors of a proof.
var (
	// ErrNotMine says that a request has no proof of a kind.
	ErrNotMine = errors.New("no proof of who asks")
	// ErrToken says that the token of an OpenID provider does not count.
	ErrToken = errors.New("the token does not count")
	// ErrProvider says that it is not known whether it does.
	ErrProvider = errors.New("the OpenID provider does not answer")
	// ErrUnknownKey is within an ErrProvider: it was asked for its keys so often that nobody
	// looks now whether the token's is one of them. Most that come then are forged.
	ErrUnknownKey = errors.New("the token's key is none that the provider showed")
)

// byCertificate reads the client certificate of the connection.
type byCertificate struct{ of *Authority }

// ByCertificate authenticates people by the authority's own certificates.
func (a *Authority) ByCertificate() Authenticator { return byCertificate{a} }

func (b byCertificate) Authenticate(r *http.Request) (Person, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return Person{}, ErrNotMine
	}
	return b.of.Person(r.TLS)
}
