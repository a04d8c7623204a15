package signin

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
)

// browserPatience is how long a person has to sign in.
const browserPatience = 5 * time.Minute

// Browser is a sign-in by a browser on this machine.
type Browser struct {
	// Port of the loopback address that the browser comes back to; 0 for any.
	Port int
	// Open shows a page; nil for none: the person does it.
	Open func(url string) error
	// Say is told what to do.
	Say io.Writer
}

// Browser has a person sign in (authorization code with PKCE).
func (p Provider) Browser(ctx context.Context, o Browser) (Tokens, error) {
	s, err := p.begin(ctx)
	if err != nil {
		return Tokens{}, err
	}
	at, err := url.Parse(s.endpoints.AuthURL)
	if err != nil || at.Scheme != "https" {
		return Tokens{}, fmt.Errorf("sign in: the page that the provider names is not https")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return Tokens{}, fault.New("another --port, or none for any that is free", "sign in: %w", err)
	}
	back := newCallback(listener.Addr().String(), p.Issuer, s.endpoints.NamesItself)
	server := &http.Server{Handler: back, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	go server.Serve(listener) //nolint:errcheck // it ends with Shutdown, below
	defer func() {
		// The page that says so is still on its way.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	}()
	s.config.RedirectURL = "http://" + back.host + callbackPath
	proof, nonce := oauth2.GenerateVerifier(), rand.Text()
	page := s.config.AuthCodeURL(back.state, oauth2.S256ChallengeOption(proof), oidc.Nonce(nonce))
	fmt.Fprintf(o.Say, "sign in at this page, in a browser on this machine:\n%s\n", page)
	if o.Open != nil {
		if err := o.Open(page); err != nil {
			fmt.Fprintf(o.Say, "it does not open by itself (%v): open it yourself\n", err)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, browserPatience)
	defer cancel()
	code, err := back.wait(waiting)
	if err != nil {
		return Tokens{}, err
	}
	ctx = s.verifier.Context(ctx)
	answer, err := s.config.Exchange(ctx, code, oauth2.VerifierOption(proof))
	if err != nil {
		return Tokens{}, refused("sign in", err)
	}
	return s.read(ctx, answer, nonce)
}

// OpenBrowser shows a page in the person's browser: $BROWSER, or the system's own.
func OpenBrowser(page string) error {
	program := os.Getenv("BROWSER")
	if program == "" {
		if program = "xdg-open"; runtime.GOOS == "darwin" {
			program = "open"
		}
	}
	show := exec.Command(program, page) //nolint:gosec // the person's own browser, and a page that is https
	if err := show.Start(); err != nil {
		return err
	}
	go show.Wait() //nolint:errcheck // what a browser says is nobody's concern
	return nil
}
