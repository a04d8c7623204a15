package signin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Device has a person sign in by a code that they enter in a browser on any machine (RFC
// 8628). say is told the page and the code.
func (p Provider) Device(ctx context.Context, say io.Writer) (Tokens, error) {
	s, err := p.begin(ctx)
	if err != nil {
		return Tokens{}, err
	}
	if s.endpoints.DeviceAuthURL == "" {
		return Tokens{}, fault.New("sign in on a machine with a browser, without --device",
			"sign in: the provider has no codes for devices")
	}
	ctx = s.verifier.Context(ctx)
	given, err := s.config.DeviceAuth(ctx)
	if err != nil {
		return Tokens{}, refused("sign in", err)
	}
	if at, err := url.Parse(given.VerificationURI); err != nil || at.Scheme != "https" {
		return Tokens{}, errors.New("sign in: the page that the provider names is not https")
	}
	fmt.Fprintf(say, "in a browser, on any machine, open %s\nand enter this code, which is for you alone: %s\n",
		printable.Line(given.VerificationURI, 512), printable.Line(given.UserCode, 64))
	waiting, cancel := context.WithTimeout(ctx, browserPatience)
	defer cancel()
	answer, err := s.config.DeviceAccessToken(waiting, given)
	if errors.Is(err, context.DeadlineExceeded) {
		return Tokens{}, fault.New("run it again", "sign in: nobody entered the code within %s", browserPatience)
	}
	if err != nil {
		return Tokens{}, refused("sign in", err)
	}
	// No nonce goes that way: the device code, which this machine alone has, is the bond.
	return s.read(ctx, answer, "")
}
