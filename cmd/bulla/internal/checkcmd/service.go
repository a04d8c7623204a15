package checkcmd

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const (
	// skewed is how far apart clocks may be: a certificate is dated a little before it
	// is issued, and ends of placements are by the service's clock.
	skewed = 30 * time.Second
	// tooSkewed is when fresh certificates are not valid yet.
	tooSkewed = 5 * time.Minute
	// authorityEnds is when its succession should begin: every cluster must have heard
	// of the next one.
	authorityEnds = 90 * 24 * time.Hour
)

// lookAtService asks the key service, and then the ledger.
func (a *run) lookAtService(ctx context.Context) {
	fleet, err := a.FleetID(a.fleet)
	if err != nil {
		a.is(Failed, "login", err)
		return
	}
	store, err := login.Open()
	if err != nil {
		a.is(Failed, "login", err)
		return
	}
	who, err := store.Find(fleet)
	if errors.Is(err, login.ErrNone) || errors.Is(err, login.ErrSeveral) ||
		err == nil && who.OIDC == nil && who.Certificate == "" {
		a.unasked("login", cmp.Or(err, login.ErrNone))
		return
	}
	if err != nil {
		a.is(Failed, "login", err)
		return
	}
	if who.OIDC != nil {
		a.ok("login", "%s, signed in at %s", who.URL, who.OIDC.Issuer)
	} else {
		leaf, err := who.Leaf()
		if err != nil {
			a.is(Failed, "login", err)
			return
		}
		a.ends("login", "give the request that `bulla login` prints to an operator, for a new certificate", leaf, who.URL)
	}
	admin, err := who.Admin()
	if err != nil {
		return // its end was said
	}
	defer admin.Close()
	a.askService(ctx, admin)
}

// ends says when a certificate ends: the last fifth of its life is the time to act.
func (a *run) ends(what, hint string, leaf *x509.Certificate, says string) {
	left, life := leaf.NotAfter.Sub(a.now()), leaf.NotAfter.Sub(leaf.NotBefore)
	at := leaf.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case left <= 0:
		a.failed(what, hint, "%s: the certificate ended on %s", says, at)
	case left < life/5:
		a.warn(what, hint, "%s: the certificate ends in %s, on %s", says, period.Text(left.Round(time.Minute)), at)
	default:
		a.ok(what, "%s, certificate until %s", says, at)
	}
}

func (a *run) askService(ctx context.Context, admin *client.Admin) {
	asked, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	leaf, err := admin.Certificate(asked)
	if err != nil {
		a.failed("reached", "is the URL right, and the service up? `bulla login list` shows the URL; a certificate that is "+
			"not trusted is of another authority than that of your login", "%v", err)
		return
	}
	a.ends("reached", "the service renews it by itself: its log says why it did not", leaf, "TLS 1.3")
	if !a.pre {
		a.lookAtGit(ctx, admin) // what the service says of itself is to be of after that look
	}
	began := a.now()
	asked, again := context.WithTimeout(ctx, a.timeout)
	defer again()
	said, err := admin.Describe(asked)
	if errors.Is(err, client.ErrUnavailable) && client.RetryAfter(err) == 0 {
		a.failed("answers", "it records whoever asks, before it answers: its token or its store may be away. /readyz on its "+
			"machine says which; bulla-keyservice hsm check --config FILE", "%v", err)
		return
	}
	if err != nil {
		a.is(Failed, "answers", login.Refused(err))
		return
	}
	a.clock("clock", began, time.UnixMicro(said.GetTime()))
	a.ok("version", "%s", cmp.Or(said.GetVersion(), "not said"))
	if end := time.UnixMicro(said.GetAuthorityNotAfter()).UTC(); end.Sub(a.now()) < authorityEnds {
		a.warn("authority", "begin its succession: "+manual.At+"operations/certificates.md", "its certificate ends on %s",
			end.Format(time.RFC3339))
	} else {
		a.ok("authority", "certificate until %s", end.Format(time.RFC3339))
	}
	for _, part := range said.GetParts() {
		a.servicePart(part)
	}
	if a.pre {
		return // what runs already is no condition of what is to come
	}
	a.part = "fleet"
	a.lookAtFleet(ctx, admin)
}

// clock compares a clock with this machine's. The answer came between began and now.
func (a *run) clock(what string, began, theirs time.Time) {
	skew := theirs.Sub(began)
	if after := theirs.Sub(a.now()); skew > 0 {
		skew = max(0, after)
	}
	const hint = "have both set their clocks (NTP): certificates and ends of grants are by them"
	switch off := skew.Abs().Round(time.Second); {
	case off > tooSkewed:
		a.failed(what, hint, "it is %s apart from this machine's", off)
	case off > skewed:
		a.warn(what, hint, "it is %s apart from this machine's", off)
	default:
		a.ok(what, "within %s of this machine's", skewed)
	}
}

// hints are what to do about a part of the service, by its name.
var hints = map[string]string{
	"token": "on its machine: bulla-keyservice hsm check --config FILE",
	"store": "can it reach its database, and write to it? its log says more",
	"stale": "can it reach the repository? " + manual.At + "operations/git-not-seen.md",
	"refused": "mend the branch, or for a rewritten history: bulla history accept; " + manual.At +
		"operations/tip-refused.md",
	"log key":  "put the token's key into spec.logKey of fleet.yaml, signed: " + manual.At + "operations/keys.md",
	"root key": "the service's login must not see it: " + manual.At + "operations/keys.md",
}

func (a *run) servicePart(part *keyservicev1.ServicePart) {
	name := part.GetName()
	switch part.GetFitness() {
	case keyservicev1.Fitness_FITNESS_OK:
		if name == "token" {
			a.ok("HSM", "it derived and gave a secret with each sealing key")
			return
		}
		a.ok(name, "%s", cmp.Or(part.GetSays(), "works"))
	case keyservicev1.Fitness_FITNESS_NOTE:
		a.warn(name, cmp.Or(hints[name], "the service's log says more"), "%s", part.GetSays())
	default:
		a.failed(name, cmp.Or(hints[name], "the service's log says more"), "%s", part.GetSays())
	}
}

// lookAtGit has the service look at Git now: whether it follows the newest commit is
// known only then.
func (a *run) lookAtGit(ctx context.Context, admin *client.Admin) {
	ctx, cancel := context.WithTimeout(ctx, 4*a.timeout) // it fetches, verifies and builds
	defer cancel()
	out, err := admin.Look(ctx)
	var denied *client.DeniedError
	switch {
	case errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonRole:
		a.notAsked("Git", "an operator or a developer may ask for that", "your role may not have the service look")
	case err != nil:
		a.is(Failed, "Git", login.Refused(err))
	case out.GetRefused():
		a.failed("Git", "`bulla status` says which commit, why, and until when", "it does not accept the newest commit")
	default:
		a.ok("Git", "it looked now, and follows the newest commit: %s", out.GetHead())
	}
}
