package notify

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The types of a [Provider], named as Flux names them.
const (
	Slack        = "slack"
	Alertmanager = "alertmanager"
	CloudEvents  = "cloudevents"
	GitHub       = "github"
	GitLab       = "gitlab"
	Gitea        = "gitea"
)

// Types are all of them.
var Types = []string{Slack, Alertmanager, CloudEvents, GitHub, GitLab, Gitea}

// Provider is one receiver.
type Provider struct {
	// Name is for logs.
	Name string
	Type string
	// Address is a URL: of a chat the whole webhook, which is a secret; of a forge that
	// of its API (GitHub) or of itself; of the others where to post to.
	Address string
	// Secret signs CloudEvents, and is the token of a forge; the others have none.
	Secret []byte
	// Repository is OWNER/NAME at a forge.
	Repository string
	// Severity is error for what is not ready alone, and info for everything.
	Severity string
	// Sets are the cluster sets that a forge gets a status of from the key service; none
	// for one of the whole fleet.
	Sets []string
}

// Severities of a provider.
const (
	Info  = "info"
	Error = "error"
)

// repositoryForm is what forges have, with groups of GitLab.
var repositoryForm = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){1,8}$`)

// setForm is the name of a ClusterSet.
var setForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// minSecret is the least size of a key that signs, in bytes.
const minSecret = 16

// Check says what keeps a provider from being used, with a hint. It repeats neither its
// address nor its secret.
func (p Provider) Check() error {
	say := func(format string, a ...any) error {
		return fmt.Errorf("provider %q: %s", p.Name, fmt.Sprintf(format, a...))
	}
	if p.Name == "" {
		return fmt.Errorf("a provider has no name; hint: each has a name of its own, for logs")
	}
	if !slices.Contains(Types, p.Type) {
		return say("type %q is none of %s", p.Type, strings.Join(Types, ", "))
	}
	if p.Severity != Info && p.Severity != Error {
		return say("severity %q is neither info nor error", p.Severity)
	}
	u, err := url.Parse(p.Address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return say("its address is not a URL with https://; hint: a password belongs into secretFile")
	}
	if u.Scheme == "http" && p.isSecret() && !loopback(u.Hostname()) {
		return say("its address is http://, and what is sent there is a secret; hint: use https://")
	}
	switch {
	case p.isForge() && !repositoryForm.MatchString(p.Repository):
		return say("repository is not OWNER/NAME")
	case len(p.Sets) > 0 && !p.isForge():
		return say("it has sets; hint: statuses of sets are for %s, %s and %s", GitHub, GitLab, Gitea)
	case slices.ContainsFunc(p.Sets, func(set string) bool { return !setForm.MatchString(set) }):
		return say("a name in sets is none of a ClusterSet")
	case p.isForge() && len(p.Secret) == 0:
		return say("it has no token; hint: name a file with secretFile")
	case p.Type == CloudEvents && len(p.Secret) < minSecret:
		return say("its secret has %d bytes, at least %d; hint: openssl rand -hex 32", len(p.Secret), minSecret)
	}
	return nil
}

func (p Provider) isForge() bool { return p.Type == GitHub || p.Type == GitLab || p.Type == Gitea }

// isSecret: the address, or a header, is as good as a password.
func (p Provider) isSecret() bool { return p.Type == Slack || p.isForge() }

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// wants reports whether a notice is for this receiver. A forge has commits, and only it
// has the sets that each replica tells of.
func (p Provider) wants(n Notice) bool {
	if p.isForge() {
		return (n.Kind == Delivery || n.Kind == ClusterSet) && n.commit() != ""
	}
	return n.Kind != ClusterSet
}

// keepsQuiet reports whether a notice is not told, and only ends what was told before. Who
// has alerts must hear of their end, and a forge's statuses are all for people who wait.
func (p Provider) keepsQuiet(n Notice) bool {
	return n.Ready && p.Severity == Error && !p.isForge() && p.Type != Alertmanager
}

// isNews is [IsNews], for this receiver: GitLab refuses a status that is running already.
func (p Provider) isNews(before, now Notice) bool {
	if p.Type == GitLab && before.Pending && now.Pending && before.Revision == now.Revision {
		return false
	}
	return IsNews(before, now)
}

// key says which notices replace each other: those of one object, and at a forge, where
// each commit has its own, of one commit.
func (p Provider) key(n Notice) string {
	key := n.Kind + " " + n.Namespace + "/" + n.Name
	if p.isForge() {
		key += " " + n.commit()
	}
	return key
}

// request is a notice as this receiver takes it.
func (p Provider) request(n Notice) (*http.Request, error) {
	switch p.Type {
	case Slack:
		return p.slack(n)
	case Alertmanager:
		return p.alert(n)
	case CloudEvents:
		return p.cloudEvent(n)
	}
	return p.commitStatus(n)
}
