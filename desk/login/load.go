package login

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const howToLogIn = "run `bulla login`, give what it prints to an operator of the key service, then: bulla login " +
	"--certificate FILE --url URL; or sign in, if they gave you a line for that: bulla login --oidc"

// Load returns a client of the fleet's key service in the name of the user;
// fleet may be empty when there is one login only. Its errors say what to do.
func Load(fleet string) (*client.Admin, error) {
	store, err := Open()
	if err != nil {
		return nil, err
	}
	l, err := store.Find(fleet)
	if err != nil {
		return nil, err
	}
	if l.OIDC == nil && l.Certificate == "" {
		return nil, fault.New(
			"give the request that `bulla login` prints to an operator; then: bulla login --certificate FILE --url URL",
			"the login to fleet %s has no certificate yet", l.Fleet)
	}
	return l.Admin()
}

// isSentAway reports whether the service itself said to come back later.
func isSentAway(err error) bool {
	var unavailable *client.UnavailableError
	return errors.As(err, &unavailable) &&
		(unavailable.Reason == keyservicev1.ReasonLimited || unavailable.Reason == keyservicev1.ReasonOverloaded)
}

// Refused gives an error of a call its hint.
func Refused(err error) error {
	var denied *client.DeniedError
	switch {
	case err == nil:
		return nil
	case client.IsRepositoryStale(err):
		return fault.New(
			"the service has not seen for too long whether its head is the newest, and opens nothing until it has: tell its "+
				"operators, and run this again", "%w", err)
	case client.IsHeadRefused(err):
		return fault.New(
			"the service does not accept the tip of the repository, and opens nothing until it is mended or taken off the "+
				"branch: its /readyz and its log say which commit and why", "%w", err)
	case isSentAway(err):
		wait := "in a moment"
		if after := client.RetryAfter(err); after > 0 {
			wait = "in " + period.Text(after)
		}
		return fault.New("the service is up, and was asked more than it takes at a time, of you or of all: run this again "+
			wait, "%w", err)
	case errors.Is(err, client.ErrUnavailable):
		return fault.New("is the URL right, and the service up? `bulla login list` shows the URL", "%w", err)
	case !errors.As(err, &denied):
		return err
	}
	switch denied.Reason {
	case keyservicev1.ReasonCertificate:
		return fault.New(
			"the certificate expired, or is of another fleet: `bulla login list` shows it, and `bulla login` prints the "+
				"request for a new one", "%w", err)
	case keyservicev1.ReasonToken:
		return fault.New("sign in again: bulla login --oidc, or out and in again in the console. If it stays so, the "+
			"service is configured for another issuer or client, or a clock is off: its log says which", "%w", err)
	case keyservicev1.ReasonPerson:
		return fault.New(
			"ask an operator. If you signed in, the service gives no role to any group that the provider has you in; with a "+
				"certificate, it does not list you, or with another key: they need what `bulla login` prints", "%w", err)
	case keyservicev1.ReasonRole:
		if denied.Needed != "" {
			return fault.New(fmt.Sprintf("it takes the role %s, and the service's configuration gives you %s: ask an operator",
				strings.ReplaceAll(denied.Needed, ",", " or "), strings.ReplaceAll(denied.Had, ",", " and ")), "%w", err)
		}
		return fault.New("your roles in the service's configuration do not cover this: ask an operator", "%w", err)
	}
	return err
}
