// Package transport speaks with a Git server: what it sends is bounded, and where
// credentials go is decided here.
package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	gittransport "github.com/go-git/go-git/v5/plumbing/transport"
)

// Remote is one Git server and repository. go-git's own transports are not
// used: they take no bound on what a server sends, their SSH handshake knows no
// deadline and reads ~/.ssh/config, and where credentials go on a redirect has
// been wrong before (CVE-2026-41506). What is left is small: packp does the
// protocol.
type Remote interface {
	// Refs lists the remote's refs.
	Refs(ctx context.Context) (*packp.AdvRefs, error)
	// Pack asks for a pack. The reader ends with ctx and must be closed.
	Pack(ctx context.Context, request func(*packp.AdvRefs) (*packp.UploadPackRequest, error)) (io.ReadCloser, error)
}

// Parse checks a URL and returns the remote with a text for it that is
// safe to print. The URL itself is never printed: it may hold what should have
// been in Auth.
func Parse(raw string, auth Auth, limits Limits) (Remote, string, error) {
	u, err := parseURL(raw)
	if err != nil {
		return nil, "", err
	}
	safe := u.Scheme + "://" + u.Host + u.Path
	if u.Scheme == "ssh" {
		r, err := newSSHRemote(u, auth, limits)
		return r, safe, err
	}
	r, err := newHTTPRemote(u, auth, limits)
	return r, safe, err
}

// CheckURL says why [Parse] takes no such URL, whatever the credentials.
// What it says does not quote the URL.
func CheckURL(raw string) error {
	_, err := parseURL(raw)
	return err
}

// IsOpen says whether what is sent to the URL is seen on its way: plain http, and
// not to this machine.
func IsOpen(raw string) bool {
	u, err := parseURL(raw)
	return err == nil && u.Scheme == "http" && !isLoopback(u.Hostname())
}

func parseURL(raw string) (*url.URL, error) {
	if !strings.Contains(raw, "://") {
		// user@host:path, as Git and everybody's clipboard write it.
		host, path, ok := strings.Cut(raw, ":")
		if !ok || !strings.Contains(host, "@") || strings.Contains(host, "/") {
			return nil, errors.New("repository URL: is not http://, https://, ssh:// or user@host:path")
		}
		raw = "ssh://" + host + "/" + strings.TrimPrefix(path, "/")
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The text of url.Error has the URL in it.
		return nil, errors.New("repository URL: does not parse")
	}
	_, password := u.User.Password()
	switch {
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ssh":
		return nil, errors.New("repository URL: scheme is not http, https or ssh")
	case u.Host == "" || u.Opaque != "" || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-"):
		return nil, errors.New("repository URL: has no host")
	case password, u.User != nil && u.Scheme != "ssh":
		return nil, errors.New("repository URL: holds credentials; give them as username and password")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("repository URL: has a query or a fragment")
	case strings.Trim(u.Path, "/") == "" || strings.HasPrefix(strings.Trim(u.Path, "/"), "-"):
		return nil, errors.New("repository URL: has no path")
	case strings.ContainsFunc(u.Path, printable.IsControl):
		return nil, errors.New("repository URL: has control characters")
	}
	return u, nil
}

// dialer refuses addresses that are never a Git server but often a cloud's
// metadata service. The check is on the address that is dialled, so a name
// that changes its mind between two look-ups gains nothing.
var dialer = &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	ip := addr.Addr().Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == metadataIPv6 {
		return ErrForbiddenAddress
	}
	return nil
}}

var (
	metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")
	// ErrForbiddenAddress is of an address that only an attacker would have asked for.
	ErrForbiddenAddress = errors.New("address is link-local, multicast or a metadata service")
)

// AnswerError maps a failure of the exchange to a text that quotes nothing the
// remote sent: a server that knows the credentials could send them back.
func AnswerError(ctx context.Context, err error) error {
	// The text of url.Error has the address in it, and that of a redirect is
	// the server's.
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	var netErr net.Error
	certificate := certificateError(err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("remote did not finish in time: %w", context.Cause(ctx))
	case certificate != nil:
		return certificate
	case errors.Is(err, tree.ErrTooLarge), errors.Is(err, source.ErrUnauthorized), errors.Is(err, source.ErrRedirected),
		errors.Is(err, source.ErrHostKey), errors.Is(err, source.ErrCertificate), errors.Is(err, source.ErrEmptyRepository),
		errors.Is(err, source.ErrRefGone),
		errors.Is(err, ErrForbiddenAddress), errors.Is(err, source.ErrRemote):
		return err
	case errors.Is(err, packp.ErrEmptyAdvRefs), errors.Is(err, gittransport.ErrEmptyRemoteRepository):
		return source.ErrEmptyRepository
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, packp.ErrEmptyInput):
		return errors.New("remote ended the connection early")
	case errors.As(err, &netErr):
		return err
	}
	return errors.New("remote's answer is not Git's smart protocol")
}

// boundedReader fails with [tree.ErrTooLarge] after n bytes.
type boundedReader struct {
	r io.Reader
	n int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.n <= 0 {
		return 0, fmt.Errorf("remote sends too much: %w", tree.ErrTooLarge)
	}
	if int64(len(p)) > b.n {
		p = p[:b.n]
	}
	n, err := b.r.Read(p)
	b.n -= int64(n)
	return n, err
}

func decodeRefs(r io.Reader, limit int64) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	if err := adv.Decode(&boundedReader{r: r, n: limit}); err != nil {
		return nil, err
	}
	if adv.IsEmpty() {
		return nil, source.ErrEmptyRepository
	}
	gittransport.FilterUnsupportedCapabilities(adv.Capabilities)
	return adv, nil
}

// decodePack reads the server's answer up to the pack and returns the pack's
// bytes.
func decodePack(request *packp.UploadPackRequest, body io.ReadCloser, limit int64) (io.ReadCloser, error) {
	response := packp.NewUploadPackResponse(request)
	bounded := &boundedReader{r: body, n: limit}
	if err := response.Decode(io.NopCloser(bounded)); err != nil {
		return nil, err
	}
	var pack io.Reader = response
	switch {
	case request.Capabilities.Supports("side-band-64k"):
		pack = sideband.NewDemuxer(sideband.Sideband64k, response)
	case request.Capabilities.Supports("side-band"):
		pack = sideband.NewDemuxer(sideband.Sideband, response)
	}
	return struct {
		io.Reader
		io.Closer
	}{pack, body}, nil
}

// RefHash returns what a ref points at.
func RefHash(adv *packp.AdvRefs, ref plumbing.ReferenceName) (plumbing.Hash, error) {
	h, ok := adv.References[ref.String()]
	if !ok {
		return plumbing.ZeroHash, source.ErrRefGone
	}
	return h, nil
}
