package transport

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshRemote runs git-upload-pack over SSH. Nothing of the user's own
// configuration or agent is used.
type sshRemote struct {
	address string
	path    string
	dial    dial
	config  *ssh.ClientConfig
	limits  Limits
}

func newSSHRemote(u *url.URL, auth Auth, limits Limits) (*sshRemote, error) {
	if len(auth.SSHKey) == 0 || len(auth.KnownHosts) == 0 {
		return nil, errors.New("ssh needs a private key and known_hosts")
	}
	signer, err := ssh.ParsePrivateKey(auth.SSHKey)
	if err != nil {
		// The parser's text could quote the key.
		return nil, errors.New("ssh private key does not parse, or is encrypted")
	}
	check, err := knownHosts(auth.KnownHosts)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	user := u.User.Username()
	if user == "" {
		user = "git"
	}
	address := net.JoinHostPort(u.Hostname(), port)
	algorithms, err := hostKeyAlgorithms(check, address)
	if err != nil {
		return nil, fmt.Errorf("read known_hosts: %w", err)
	}
	dial, err := auth.Proxy.ofSSH(auth)
	if err != nil {
		return nil, err
	}
	return &sshRemote{
		address: address,
		dial:    dial,
		path:    u.Path,
		limits:  limits,
		config: &ssh.ClientConfig{
			User:              user,
			Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
			HostKeyCallback:   pinned(check),
			HostKeyAlgorithms: algorithms,
		},
	}, nil
}

// knownHosts parses known_hosts; the library takes file names only.
func knownHosts(data []byte) (ssh.HostKeyCallback, error) {
	file, err := os.CreateTemp("", "bulla-known-hosts-")
	if err != nil {
		return nil, fmt.Errorf("keep known_hosts: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		return nil, fmt.Errorf("keep known_hosts: %w", err)
	}
	check, err := knownhosts.New(file.Name())
	if err != nil {
		return nil, errors.New("known_hosts does not parse")
	}
	return check, nil
}

// pinned turns every refusal of known_hosts into one error.
func pinned(check ssh.HostKeyCallback) ssh.HostKeyCallback {
	return func(host string, address net.Addr, key ssh.PublicKey) error {
		if check(host, address, key) != nil {
			return source.ErrHostKey
		}
		return nil
	}
}

// hostKeyAlgorithms asks for the algorithms of the keys that known_hosts has: a
// server offers its best key, which need not be the pinned one. A key that
// cannot match makes the library say which would have.
func hostKeyAlgorithms(check ssh.HostKeyCallback, address string) ([]string, error) {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	probe, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	var refused *knownhosts.KeyError
	if !errors.As(check(address, &net.TCPAddr{IP: net.IPv4zero}, probe), &refused) {
		return nil, nil
	}
	var algorithms []string
	for _, want := range refused.Want {
		if want.Key.Type() == ssh.KeyAlgoRSA {
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512)
			continue
		}
		algorithms = append(algorithms, want.Key.Type())
	}
	return algorithms, nil
}

func (r *sshRemote) Refs(ctx context.Context) (*packp.AdvRefs, error) {
	s, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	adv, err := decodeRefs(s.out, r.limits.Refs)
	if err != nil {
		return nil, err
	}
	_, _ = io.WriteString(s.in, "0000") // a polite end
	return adv, nil
}

func (r *sshRemote) Pack(ctx context.Context,
	ask func(*packp.AdvRefs) (*packp.UploadPackRequest, error)) (io.ReadCloser, error) {
	s, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	pack, err := s.request(ask, r.limits)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return pack, nil
}

type sshSession struct {
	client *ssh.Client
	in     io.WriteCloser
	out    io.Reader
	stop   func() bool
}

func (s *sshSession) request(ask func(*packp.AdvRefs) (*packp.UploadPackRequest, error), limits Limits) (io.ReadCloser,
	error) {
	adv, err := decodeRefs(s.out, limits.Refs)
	if err != nil {
		return nil, err
	}
	request, err := ask(adv)
	if err != nil {
		return nil, err
	}
	if err := encodeRequest(s.in, request, true); err != nil {
		return nil, err
	}
	if err := s.in.Close(); err != nil {
		return nil, err
	}
	return decodePack(request, struct {
		io.Reader
		io.Closer
	}{s.out, s}, limits.Pack)
}

// Close ends the session and the connection.
func (s *sshSession) Close() error {
	s.stop()
	return s.client.Close()
}

// start connects and runs git-upload-pack. The context ends the connection
// whatever it is doing: the handshake has no deadline of its own.
func (r *sshRemote) start(ctx context.Context) (*sshSession, error) {
	conn, err := r.dial(ctx, r.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	c, channels, requests, err := ssh.NewClientConn(conn, r.address, r.config)
	if err != nil {
		stop()
		_ = conn.Close()
		if strings.Contains(err.Error(), "unable to authenticate") {
			return nil, source.ErrUnauthorized
		}
		return nil, err
	}
	s := &sshSession{client: ssh.NewClient(c, channels, requests), stop: stop}
	if err := s.run("git-upload-pack " + shellQuote(r.path)); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *sshSession) run(command string) error {
	session, err := s.client.NewSession()
	if err != nil {
		return err
	}
	if s.in, err = session.StdinPipe(); err != nil {
		return err
	}
	if s.out, err = session.StdoutPipe(); err != nil {
		return err
	}
	session.Stderr = io.Discard
	return session.Start(command)
}

// shellQuote quotes as Git's sq_quote_buf does.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}
