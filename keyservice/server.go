package keyservice

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/denials"
	"github.com/bulla-dev/bulla/keyservice/enrolment"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/ledger"
	"github.com/bulla-dev/bulla/keyservice/metrics"
	"github.com/bulla-dev/bulla/keyservice/notices"
	"github.com/bulla-dev/bulla/keyservice/openid"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/receiver"
	"github.com/bulla-dev/bulla/keyservice/rollout"
	"github.com/bulla-dev/bulla/keyservice/stubs"
	"github.com/bulla-dev/bulla/keyservice/tally"
	"github.com/bulla-dev/bulla/keyservice/telling"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
	"github.com/bulla-dev/bulla/keyservice/unseal"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/notify"
)

const (
	// pipeline is how many blocks are under way for each session of the token,
	// so that one is always at hand while others are unpacked and wrapped.
	pipeline = 16
	// collectEvery is between collections of stubs. Those of 30 days ago may wait.
	collectEvery = time.Hour
	// stopPatience is how long requests under way may take after a stop signal.
	stopPatience = 20 * time.Second
)

// Options are the parts of a [Server]. All from Now on may be left out.
type Options struct {
	Config  *config.Config
	Store   Store
	Token   Token
	Source  source.Source
	Builder *kustomize.Builder
	Log     *slog.Logger
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// RefreshEvery is how often a succession of the authority is looked for; 10s
	// by default.
	RefreshEvery time.Duration
	// LookEvery is the least time between looks at the repository that requests
	// cause; 1s by default.
	LookEvery time.Duration
	// HeldFor is how long a call that waits for another head is held; 100s by default.
	HeldFor time.Duration
	// Renewal is the listener of [RenewalRoutes]; nil for none.
	Renewal net.Listener
	// Receiver is the listener of webhooks, and Hooks those that are heard there; nil
	// for none.
	Receiver net.Listener
	Hooks    []receiver.Hook
	// Notify are the receivers of notices; TellEvery is between two looks at how sets of
	// clusters fare, 10s by default.
	Notify    []notify.Provider
	TellEvery time.Duration
	// Version is the build, for people who ask.
	Version string
}

// Server is the key service. It answers from [Server.Serve] on.
type Server struct {
	*clerk.Clerk

	store     Store
	config    *config.Config
	authority *authority.Authority
	heads     *heads.Heads
	front     *front
	listening *listening
	clusters  clusterAPI
	admins    adminAPI
	roots     *rootWatch
	health    *health
	pushes    *pushes
	telling   *telling.Telling
}

// clusterAPI is what clusters ask, by noun.
type clusterAPI struct {
	*enrolment.Enrolment
	*unseal.Unsealing
	*ledger.Reporting
	*rollout.Pacing
	*auditing
	*rewritten
	*notices.Notices
}

// adminAPI is what people ask, by noun.
type adminAPI struct {
	*auditing
	*ledger.Reading
	*unseal.Rewrapping
	*denials.Denying
	*rollout.Showing
	*rollout.Ordering
	*following
	*stubs.Keeping
	*describing
}

var (
	_ keyservicev1connect.KeyServiceHandler   = clusterAPI{}
	_ keyservicev1connect.AdminServiceHandler = adminAPI{}
)

// New opens the certificate authority (making it at the first start) and takes
// up the head accepted last. Nothing is served yet.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RefreshEvery == 0 {
		o.RefreshEvery = authority.RefreshEvery
	}
	c := o.Config
	m := metrics.New()
	s := &Server{config: c, store: o.Store, Clerk: &clerk.Clerk{Fleet: c.Fleet,
		Ref: c.Repository.Ref, Rows: o.Store, Tally: tally.New(o.Now, m.Log.Coalesced), Reads: tally.NewReads(o.Now),
		Metrics: m, Log: o.Log, Now: o.Now}}
	s.pushes = newPushes(o, m)
	s.roots = &rootWatch{Clerk: s.Clerk, store: o.Store, token: o.Token, pinned: c.RootKey, accepted: c.RootInService()}
	if err := s.roots.refuseRoots(ctx); err != nil {
		return nil, err
	}
	var err error
	s.authority, err = authority.Open(ctx, authority.Options{Fleet: c.Fleet, TTL: time.Duration(c.CertificateTTL),
		Store: o.Store, Token: o.Token, Log: o.Log, Now: o.Now})
	if err != nil {
		return nil, err
	}
	if err := s.listen(o); err != nil {
		return nil, err
	}
	if err := s.listening.certify(); err != nil {
		return nil, err
	}
	logKey, err := s.openLog(ctx, o.Token)
	if err != nil {
		return nil, err
	}
	floor, err := signing.Floor(c.Signing.Spec())
	if err != nil {
		return nil, fmt.Errorf("read signing of the configuration: %w", err)
	}
	s.heads = heads.New(heads.Options{
		Fleet: c.Fleet, Repository: c.Repository,
		Rule: &follow.Rule{
			Source: o.Source, Now: o.Now, Pins: follow.Pins{Fleet: c.Fleet, RootKey: c.RootKey, Floor: floor},
		},
		Builder: o.Builder, Rows: o.Store, Token: o.Token, Journal: s.Journal, Denied: s.RecordDenials,
		Accepted: s.onHead, Observer: &m.Head, LookEvery: o.LookEvery, Log: o.Log, Now: o.Now,
	})
	s.health = &health{heads: s.heads, roots: s.roots, token: o.Token, store: o.Store, metrics: m, logKey: logKey}
	s.tell(o)
	s.answer(o)
	m.Head.Bounds(time.Duration(c.Repository.MaxAge), time.Duration(c.Repository.RefusedGrace))
	return s, nil
}

// listen makes what stands before the handlers.
func (s *Server) listen(o Options) error {
	people, err := s.peopleOf(o)
	if err != nil {
		return err
	}
	grace := time.Duration(s.config.Renewal.Grace)
	open := newConnections()
	s.front = &front{Clerk: s.Clerk, authority: s.authority, people: people, connections: open,
		clones: newClones(s.Clerk, s.store), limiter: turnstile.NewLimiter(s.config.Limits.WithDefaults()), grace: grace}
	s.listening = &listening{authority: s.authority, connections: open, names: s.config.ServerNames,
		renewal: o.Renewal, grace: grace, refreshEvery: o.RefreshEvery, now: o.Now, log: o.Log}
	return nil
}

// peopleOf are the people of the configuration, by each kind of proof that it has.
func (s *Server) peopleOf(o Options) (*authority.People, error) {
	by := []authority.Authenticator{s.authority.ByCertificate()}
	of := s.config.OIDC.WithDefaults()
	if of.On() {
		byToken, err := openid.New(s.Fleet, of, o.Now)
		if err != nil {
			return nil, fmt.Errorf("read oidc of the configuration: %w", err)
		}
		by = append(by, byToken)
	}
	people := authority.NewPeople(s.config.People, by...)
	people.SetGroups(of)
	return people, nil
}

// answer makes the handlers.
func (s *Server) answer(o Options) {
	token, heldFor := o.Token, o.HeldFor
	sessions := max(s.config.Token.Sessions, 1)
	turns := turnstile.NewTurns(pipeline * sessions)
	audits := &auditing{Clerk: s.Clerk, store: s.store}
	reports := &rollout.Reports{Clerk: s.Clerk, Store: s.store}
	pacing := &rollout.Pacing{Clerk: s.Clerk, Heads: s.heads, Store: s.store, Reports: reports}
	s.clusters = clusterAPI{
		&enrolment.Enrolment{
			Clerk: s.Clerk, Authority: s.authority, Heads: s.heads, Store: s.store, GraceURL: s.config.Renewal.URL,
		},
		&unseal.Unsealing{Clerk: s.Clerk, Heads: s.heads, Store: s.store, Token: token, Turns: turns},
		&ledger.Reporting{
			Clerk: s.Clerk, Heads: s.heads, Store: s.store, After: time.Duration(s.config.ReportAfterRemoval),
		},
		pacing,
		audits,
		&rewritten{Clerk: s.Clerk, heads: s.heads, store: s.store},
		s.notices(heldFor),
	}
	s.admins = adminAPI{
		audits,
		&ledger.Reading{Clerk: s.Clerk, Heads: s.heads, Store: s.store},
		&unseal.Rewrapping{Clerk: s.Clerk, Heads: s.heads, Store: s.store, Token: token, Turns: turns,
			Sessions: sessions},
		&denials.Denying{Clerk: s.Clerk, Heads: s.heads, Store: s.store},
		&rollout.Showing{Clerk: s.Clerk, Heads: s.heads, Store: s.store, Reports: reports},
		&rollout.Ordering{Clerk: s.Clerk, Pacing: pacing},
		&following{Clerk: s.Clerk, heads: s.heads, store: s.store},
		&stubs.Keeping{Clerk: s.Clerk, Store: s.store, Bounds: s.config.Stubs.WithDefaults()},
		&describing{Clerk: s.Clerk, version: o.Version, health: s.health, pushes: s.pushes, authority: s.authority,
			people: s.front.people},
	}
}

// tell makes what tells forges and people.
func (s *Server) tell(o Options) {
	s.telling = &telling.Telling{Clerk: s.Clerk, Heads: s.heads, Store: o.Store, Every: o.TellEvery}
	for _, p := range o.Notify {
		s.telling.Senders = append(s.telling.Senders, notify.NewSender(p, s.Metrics, func(provider, kind, why string) {
			s.Log.Warn("a notification is not sent", "provider", provider, "type", kind, "why", why)
		}))
	}
	s.Tally.Tell(s.telling.Refused)
}

// notices makes what holds calls of clusters that wait.
func (s *Server) notices(heldFor time.Duration) *notices.Notices {
	n := notices.New(s.Clerk, s.heads, s.config.Limits.WithDefaults().NoticesPerSecond, heldFor)
	of := s.config.Repository
	n.Follows = &keyservicev1.Follows{Ref: of.Ref, Tag: of.Tag, Semver: of.SemVer}
	return n
}

// openLog takes up the audit log and records the start: a service that cannot
// record does not serve. It returns the log's key.
func (s *Server) openLog(ctx context.Context, token Token) (key string, err error) {
	j, err := journal.Open(ctx, journal.Options{
		Fleet: s.Fleet, Token: token, Store: s.store, Observer: &s.Metrics.Log, Log: s.Log, Now: s.Now,
	})
	if err != nil {
		return "", err
	}
	s.Journal = j
	_, err = j.Append(ctx, s.began(j))
	return j.Key(), err
}

// began is what the log says when the service starts; at its very beginning also
// with which keys.
func (s *Server) began(j *journal.Journal) []audit.Entry {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	entries := []audit.Entry{{Kind: audit.Start, Outcome: audit.Done, Detail: "on " + host}}
	if j.Size() == 0 {
		entries = append(entries,
			audit.Entry{Kind: audit.Key, Outcome: audit.Done, Detail: "root key " + s.config.RootKey},
			audit.Entry{Kind: audit.Key, Outcome: audit.Done, Detail: "log key " + j.Key()},
			audit.Entry{Kind: audit.Key, Outcome: audit.Done, Identity: protocol.SPKIHash(s.Authority()),
				Detail: "certificate authority"})
	}
	return append(entries, s.front.people.Entries()...)
}

// Authority is the certificate of the fleet's authority, which join tokens pin.
func (s *Server) Authority() *x509.Certificate { return s.authority.Certificate() }

// SetPeople replaces who may use the service, for every request from now on, on
// open connections too. It counts even if the audit log cannot be told.
func (s *Server) SetPeople(ctx context.Context, people []config.Person) error {
	if err := config.CheckPeople(people); err != nil {
		return fmt.Errorf("set people: %w", err)
	}
	return s.tellOfPeople(ctx, s.front.people.Set(people))
}

// SetGroups replaces what groups of the OpenID provider may, and who is barred, as
// [Server.SetPeople] does people. Who the provider is, is taken at the start alone: groups
// of another one are nobody's, since a name there is not the same group here, and whoever
// changed it may want the tokens of before to be good for nothing.
func (s *Server) SetGroups(ctx context.Context, of config.OIDC) error {
	if err := of.CheckGroups(); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	was, another := s.config.OIDC, error(nil)
	if of.Issuer != was.Issuer || of.ClientID != was.ClientID {
		of.Groups = nil
		another = errors.New("set groups: oidc names another issuer or client than at the start; " +
			"hint: restart the service; until then nobody has a role by a group")
	}
	return errors.Join(another, s.tellOfPeople(ctx, s.front.people.SetGroups(of)))
}

func (s *Server) tellOfPeople(ctx context.Context, entries []audit.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if _, err := s.Journal.Leave(ctx, entries); err != nil {
		return fmt.Errorf("set people: they count, and the audit log does not say so: %w", err)
	}
	return nil
}
