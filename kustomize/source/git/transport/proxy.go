package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/kustomize/source"
)

// Proxy is the way to a remote. The zero value is the environment's (HTTPS_PROXY,
// NO_PROXY) for HTTP, and none for SSH.
type Proxy struct {
	// Address is http://host:port, https://host:port, or for HTTP remotes
	// socks5://host:port.
	Address string
	// Username and Password are for the proxy alone.
	Username, Password string
}

// String hides every credential.
func (Proxy) String() string { return "proxy" }

// GoString hides every credential.
func (Proxy) GoString() string { return "proxy" }

// url checks the address. What it says does not quote it: it may hold a password.
func (p Proxy) url() (*url.URL, error) {
	u, err := url.Parse(p.Address)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("proxy address: is not a URL with a host, for example http://proxy.example.com:3128")
	}
	switch {
	case !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme):
		return nil, errors.New("proxy address: scheme is not http, https or socks5")
	case u.User != nil:
		return nil, errors.New("proxy address: holds credentials; give them as username and password")
	}
	if p.Username != "" || p.Password != "" {
		u.User = url.UserPassword(p.Username, p.Password)
	}
	return u, nil
}

// ofHTTP is the proxy of a request.
func (p Proxy) ofHTTP() (func(*http.Request) (*url.URL, error), error) {
	if p.Address == "" {
		return http.ProxyFromEnvironment, nil
	}
	u, err := p.url()
	if err != nil {
		return nil, err
	}
	return http.ProxyURL(u), nil
}

// dial gives a connection to an address, through the proxy if there is one.
type dial func(ctx context.Context, address string) (net.Conn, error)

func direct(ctx context.Context, address string) (net.Conn, error) {
	return dialer.DialContext(ctx, "tcp", address)
}

// ofSSH dials through an HTTP proxy's CONNECT.
func (p Proxy) ofSSH(auth Auth) (dial, error) {
	if p.Address == "" {
		return direct, nil
	}
	u, err := p.url()
	if err != nil {
		return nil, err
	}
	if u.Scheme == "socks5" {
		return nil, errors.New("proxy address: ssh goes through http:// and https:// proxies only")
	}
	config, err := tlsOf(auth)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, address string) (net.Conn, error) { return connect(ctx, u, config, address) }, nil
}

func connect(ctx context.Context, proxy *url.URL, config *tls.Config, address string) (net.Conn, error) {
	at := proxy.Host
	if proxy.Port() == "" {
		at = net.JoinHostPort(proxy.Hostname(), map[string]string{"http": "80", "https": "443"}[proxy.Scheme])
	}
	raw, err := direct(ctx, at)
	if err != nil {
		return nil, err
	}
	// The context ends the exchange whatever it is doing.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := raw
	if proxy.Scheme == "https" {
		config = config.Clone()
		config.ServerName = proxy.Hostname()
		conn = tls.Client(conn, config)
	}
	through, err := tunnel(conn, proxy.User, address)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return through, nil
}

// tunnel asks for the way to an address. Nothing that the proxy says is quoted: it has
// seen credentials.
func tunnel(conn net.Conn, user *url.Userinfo, address string) (net.Conn, error) {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address,
		Header: http.Header{"User-Agent": {"git/bulla"}}}
	if user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization",
			"Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	const header = 1 << 16
	read := bufio.NewReader(&boundedReader{r: conn, n: header})
	answer, err := http.ReadResponse(read, request) //nolint:bodyclose // its body is the tunnel
	if err != nil {
		return nil, fmt.Errorf("proxy does not answer as one: %w", source.ErrRemote)
	}
	if err := refusedByProxy(context.Background(), nil, nil, answer); err != nil {
		return nil, err
	}
	// The server speaks first, and may have done so in the same breath.
	early, err := read.Peek(read.Buffered())
	return &tunnelled{Conn: conn, early: early}, err
}

// refusedByProxy is a proxy's answer that is no way to the remote, in our words.
func refusedByProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return fmt.Errorf("proxy wants other credentials; hint: put username and password beside its address: %w",
			source.ErrRemote)
	}
	return fmt.Errorf("proxy answers HTTP status %d: %w", answer.StatusCode, source.ErrRemote)
}

// tunnelled is a connection whose first bytes were read with the proxy's answer.
type tunnelled struct {
	net.Conn
	early []byte
}

func (t *tunnelled) Read(p []byte) (int, error) {
	if len(t.early) > 0 {
		n := copy(p, t.early)
		t.early = t.early[n:]
		return n, nil
	}
	return t.Conn.Read(p)
}
