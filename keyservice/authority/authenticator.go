package authority

import (
	"errors"
	"net/http"
)

// Authenticator proves which person is behind a request, by one kind of proof. The
// service's own certificates are one ([Authority.ByCertificate]); a token of an OpenID
// provider may be another.
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

// ErrNotMine says that a request has no proof of a kind.
var ErrNotMine = errors.New("no proof of who asks")

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
