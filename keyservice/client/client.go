package client

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	// maxAnswer bounds what is read from the service, in bytes: 1,000 stubs of
	// a handful of blocks, each a post-quantum stanza of about 1.6 KB.
	maxAnswer = 64 << 20
	// timeout of one request; the service's own is shorter.
	timeout = 90 * time.Second
	// heldTimeout is of one that waits for a head: the service answers before, however
	// little happens, and what is lost on the way is found out by pings.
	heldTimeout = 3 * time.Minute
	// dialTimeout is of one connection: what is behind a host that is gone answers
	// nothing, and who asks has other work.
	dialTimeout = 10 * time.Second
	// A connection that is silent for pingAfter is asked whether it lives, and is
	// given up after pingPatience.
	pingAfter    = 10 * time.Second
	pingPatience = 5 * time.Second
)

// Client asks the key service in the name of one cluster. It is safe for
// concurrent use and holds one HTTP/2 connection.
type Client struct {
	rpc         keyservicev1connect.KeyServiceClient
	held        keyservicev1connect.KeyServiceClient // for calls that wait
	transport   *http.Transport
	certificate tls.Certificate
	ca          *x509.Certificate
	fleet       string
	cluster     string
	leaf        *x509.Certificate // the certificate, parsed
	log         *Log
	clock       serviceClock
	follows     atomic.Pointer[Follows]
	err         error // what is wrong with the arguments of New
}

// New returns a client of the service at url that presents certificate and
// trusts ca alone. Answers of Unseal are held against log; with nil nothing is
// unsealed. An unusable argument is reported by the first call.
func New(url string, certificate tls.Certificate, ca *x509.Certificate, log *Log) *Client {
	c := &Client{certificate: certificate, ca: ca, log: log}
	if c.err = c.prepare(url); c.err != nil {
		return c
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	c.transport = newTransport(&tls.Config{
		MinVersion:   tls.VersionTLS13,
		RootCAs:      roots,
		Certificates: []tls.Certificate{certificate},
	})
	c.rpc = newRPC(newHTTPClient(c.transport, timeout), url)
	c.held = newRPC(newHTTPClient(c.transport, heldTimeout), url)
	return c
}

func (c *Client) prepare(url string) error {
	if c.ca == nil {
		return errors.New("make key service client: no certificate authority")
	}
	if err := protocol.CheckURL(url); err != nil {
		return fmt.Errorf("make key service client: %w", err)
	}
	if len(c.certificate.Certificate) == 0 {
		return errors.New("make key service client: no certificate")
	}
	var err error
	if c.leaf, err = x509.ParseCertificate(c.certificate.Certificate[0]); err != nil {
		return fmt.Errorf("make key service client: %w", err)
	}
	if c.fleet, c.cluster, err = protocol.ParseClusterURI(c.leaf); err != nil {
		return fmt.Errorf("make key service client: %w", err)
	}
	return nil
}

// newTransport speaks TLS 1.3 directly: no proxy from the environment, which
// the repository's author may control, and no compression of secrets' wrapping.
func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		TLSHandshakeTimeout: 15 * time.Second,
		IdleConnTimeout:     2 * time.Minute,
		MaxIdleConns:        4,
		// A service that was stopped, or lost with its machine, answers no ping: the
		// connection is given up, and the next one may reach another replica.
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingPatience},
	}
}

func newHTTPClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: transport,
		Timeout:   timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

func newRPC(over *http.Client, url string) keyservicev1connect.KeyServiceClient {
	return keyservicev1connect.NewKeyServiceClient(over, url,
		connect.WithReadMaxBytes(maxAnswer), connect.WithAcceptCompression("gzip", nil, nil))
}

// Close ends idle connections. The client may be used afterwards.
func (c *Client) Close() {
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}

// Fleet is the fleet that the certificate names.
func (c *Client) Fleet() string { return c.fleet }

// Cluster is the cluster that the certificate names.
func (c *Client) Cluster() string { return c.cluster }

// Answers is the service's word on every digest asked for.
type Answers struct {
	// Fleet is the fleet's id, equal to the certificate's.
	Fleet string
	// Request is how the audit log names the request: [protocol.RequestID] of its nonce.
	Request string
	// Head is the accepted head that the decision was made at.
	Head string
	// Results by stub digest, one for each digest asked for.
	Results map[string]Result
}

// Result is a grant (Refusal is REFUSAL_UNSPECIFIED) or a refusal.
type Result struct {
	Refusal keyservicev1.Refusal
	// Stanzas, one for each block of the stub, in order; nil when refused.
	Stanzas []sealing.Stanza
	// Stub is the stub that the digest's reference names, as the service gave it: to be
	// held against the reference. Empty for a stub that is in Git.
	Stub []byte
}

// Granted reports whether the stanzas may be used.
func (r Result) Granted() bool { return r.Refusal == keyservicev1.Refusal_REFUSAL_UNSPECIFIED }

// Unseal asks for the stubs with these digests ("sha256:…", at most
// [protocol.MaxDigests], unique). revision is the head that the caller works at. An
// answer that the audit log does not bear out is a [*LogError], and lost.
func (c *Client) Unseal(ctx context.Context, revision string, digests []string) (*Answers, error) {
	if c.err != nil {
		return nil, c.err
	}
	if len(digests) > protocol.MaxDigests {
		return nil, fmt.Errorf("ask key service: %d digests, at most %d", len(digests), protocol.MaxDigests)
	}
	if c.log == nil {
		return nil, errors.New("ask key service: no audit log to hold the answer against")
	}
	w, err := c.log.witness(ctx, c.fleet)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 32)
	rand.Read(nonce)
	question := &keyservicev1.UnsealRequest{Revision: revision, Nonce: nonce, Digests: digests, LogSize: uint64(w.before.Size)}
	response, err := c.rpc.Unseal(ctx, question)
	if err != nil {
		return nil, classify(err)
	}
	answers, err := c.read(question, response)
	if err != nil {
		return nil, err
	}
	if err := c.hold(ctx, w, question, response); err != nil {
		return nil, err
	}
	return answers, nil
}

// read checks that a response is to the question.
func (c *Client) read(question *keyservicev1.UnsealRequest, response *keyservicev1.UnsealResponse) (*Answers, error) {
	nonce := question.GetNonce()
	if subtle.ConstantTimeCompare(response.GetNonce(), nonce) != 1 {
		return nil, errors.New("read key service answer: it carries another request's nonce")
	}
	if response.GetFleet() != c.fleet {
		return nil, fmt.Errorf("read key service answer: it is for fleet %q, not %q", response.GetFleet(), c.fleet)
	}
	return readResults(response, question.GetDigests())
}

// readResults takes exactly what was asked for, in the order it was asked: an
// answer that renames, repeats or adds a digest is not used at all.
func readResults(response *keyservicev1.UnsealResponse, digests []string) (*Answers, error) {
	if len(response.GetResults()) != len(digests) {
		return nil, fmt.Errorf("read key service answer: %d results for %d digests", len(response.GetResults()), len(digests))
	}
	answers := &Answers{Fleet: response.GetFleet(), Request: protocol.RequestID(response.GetNonce()), Head: response.GetHead(), Results: make(map[string]Result, len(digests))}
	for i, result := range response.GetResults() {
		if result.GetDigest() != digests[i] {
			return nil, fmt.Errorf("read key service answer: result %d is for another digest", i)
		}
		r := Result{Refusal: result.GetRefusal(), Stub: result.GetStub()}
		if r.Granted() != (len(result.GetStanzas()) > 0) {
			return nil, fmt.Errorf("read key service answer: result %d is neither a grant nor a refusal", i)
		}
		for _, s := range result.GetStanzas() {
			r.Stanzas = append(r.Stanzas, sealing.Stanza{Type: s.GetType(), Args: s.GetArgs(), Body: s.GetBody()})
		}
		answers.Results[result.GetDigest()] = r
	}
	return answers, nil
}

// Renew gets a fresh certificate for the same key. The client goes on with the
// old one; make a new client with the credentials.
func (c *Client) Renew(ctx context.Context) (*Credentials, error) {
	if c.err != nil {
		return nil, c.err
	}
	key, ok := c.certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("renew certificate: the private key does not sign")
	}
	csr, err := protocol.NewRequest(key)
	if err != nil {
		return nil, fmt.Errorf("renew certificate: %w", err)
	}
	response, err := c.rpc.Renew(ctx, &keyservicev1.RenewRequest{Csr: csr, Time: time.Now().UnixMicro()})
	if err != nil {
		return nil, classify(err)
	}
	credentials, err := readCredentials(response, protocol.SPKIHash(c.ca), key, c.fleet, c.cluster)
	if err != nil {
		return nil, fmt.Errorf("renew certificate: %w", err)
	}
	return credentials, nil
}
