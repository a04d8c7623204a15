package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// service is a whole key service on a token in SoftHSM, in this process.
type service struct {
	dir     string
	token   *token.Token
	worker  *hsm.Worker
	root    *hsm.Worker
	repo    *gitserver.Repo
	rows    *store.DB
	server  *keyservice.Server
	config  *config.Config
	people  []config.Person
	address string
	health  string
}

// cmdService is the key service's operator: the ceremony, the remote, a service.
//
//	service
//
//	service [recovery=RECIPIENT]
//
// It sets ROOTKEY, FLEETID, URL and CLONE, a clone with fleet.yaml in it.
func cmdService(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	s := &service{dir: ts.MkAbs(".service")}
	ts.Check(os.MkdirAll(filepath.Join(s.dir, "token"), 0o700))
	device, made, back, err := token.Lend(filepath.Join(s.dir, "token"), sealingKey, api.SuiteHybrid)
	ts.Check(err)
	ts.Defer(back)
	s.token, w.fleet = device, made.Fleet
	access := s.token.Config(w.fleet)
	access.PinnedKeys = []api.SealingKey{made.Key}
	s.worker = must(hsm.Start(context.Background(), access, nil))
	s.root = must(s.token.StartRoot(context.Background(), w.fleet))
	ts.Defer(s.root.Close)
	server := must(gitserver.Start(filepath.Join(s.dir, "git")))
	ts.Defer(func() { server.Close() })
	s.repo = must(server.NewRepo("fleet"))
	root := must(s.root.Signer(context.Background(), hsm.SignerLabel(w.fleet, hsm.RoleRoot)))
	w.roots[w.fleet] = testfleet.RootOf(w.fleet, root, made.Key)
	spec := w.roots[w.fleet].Spec(0)
	for _, arg := range args {
		if recipient, ok := strings.CutPrefix(arg, "recovery="); ok {
			spec.RecoveryRecipients = []string{recipient}
		}
	}
	spec.LogKey = sealing.VerifierKey(audit.Origin(w.fleet), made.Log)
	s.sign(ts, &spec)
	must(s.repo.CommitAll("begin"))
	s.config = &config.Config{
		Fleet: w.fleet, RootKey: sealing.VerifierKey("acme", made.Root), ServerNames: []string{"127.0.0.1"},
		Repository: config.Repository{Ref: "main", Interval: config.Duration(time.Second)},
		Token:      config.TokenFile{Sessions: 2}, CertificateTTL: config.Duration(time.Hour),
	}
	if w.provider != nil {
		s.config.OIDC = config.OIDC{Issuer: w.provider.Issuer, ClientID: openid.ClientID, CAFile: w.provider.CAFile,
			Groups: []config.Group{{Name: "security", Roles: []config.Role{config.RoleAuditor}}}}
	}
	s.serve(ts)
	ts.Setenv("AUTHORITY", protocol.SPKIHash(s.server.Authority()))
	w.service = s
	ts.Setenv("ROOTKEY", s.config.RootKey)
	ts.Setenv("FLEETID", w.fleet)
	ts.Setenv("URL", "https://"+s.address)
	ts.Setenv("CLONE", s.repo.Dir())
}

// sign gives the fleet its next serial and writes it into the clone.
func (s *service) sign(ts *testscript.TestScript, spec *api.FleetSpec) {
	spec.Serial++
	w := worldOf(ts)
	file := w.roots[spec.ID].File(w.t, spec)
	ts.Check(os.WriteFile(filepath.Join(s.repo.Dir(), "fleet.yaml"), []byte(file), 0o644))
}

func (s *service) serve(ts *testscript.TestScript) {
	s.rows = must(store.Open(context.Background(), filepath.Join(s.dir, "keyservice.db")))
	mirror := must(git.Open(filepath.Join(s.dir, "mirror"), s.repo.URL(), "main",
		git.Auth{Username: s.repo.Username, Password: s.repo.Password}, git.Limits{}))
	s.server = must(keyservice.New(context.Background(), keyservice.Options{
		Config: s.config, Store: s.rows, Token: s.worker, Source: mirror,
		// A busy machine is no slow build.
		Builder: kustomize.NewBuilder(kustomize.BuilderOptions{SlowAfter: 20 * time.Second}),
		Log:     slog.New(slog.DiscardHandler),
		Version: "v0.1.0-test",
	}))
	listener, health := must(net.Listen("tcp", "127.0.0.1:0")), must(net.Listen("tcp", "127.0.0.1:0"))
	s.address, s.health = listener.Addr().String(), health.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(ctx, listener, health) }()
	ts.Defer(func() {
		cancel()
		if err := <-done; err != nil {
			ts.Logf("serve: %v", err)
		}
		s.worker.Close()
		s.rows.Close()
	})
}

// cmdPublish commits and pushes the clone, and waits until the service accepted
// it:
//
//	publish MESSAGE
func cmdPublish(ts *testscript.TestScript, neg bool, args []string) {
	s := worldOf(ts).service
	status := must(s.repo.Git("status", "--porcelain"))
	if strings.TrimSpace(status) != "" {
		must(s.repo.CommitAll(args[0]))
	} else {
		must(s.repo.Push())
	}
	head := must(s.repo.Head())
	ts.Check(wait.Poll(context.Background(), func(context.Context) error {
		r, err := http.Get("http://" + s.health + "/readyz")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		ready, err := io.ReadAll(r.Body)
		if err == nil && !strings.Contains(string(ready), head) {
			err = fmt.Errorf("the service does not accept %s:\n%s", head, ready)
		}
		return err
	}))
}

// cmdRotate is `bulla-keyservice keys rotate`, or `keys retire` of the first key:
//
//	rotate KEYID
//	rotate --retire KEYID
func cmdRotate(ts *testscript.TestScript, neg bool, args []string) {
	s := worldOf(ts).service
	file := filepath.Join(s.repo.Dir(), "fleet.yaml")
	fleet := must(api.ParseFleet("fleet.yaml", must(os.ReadFile(file))))
	for i := range fleet.Spec.SealingKeys {
		key := &fleet.Spec.SealingKeys[i]
		switch {
		case args[0] == "--retire" && key.ID == args[1]:
			key.Status = api.KeyRetired
		case args[0] != "--retire" && key.Status == api.KeyActive:
			key.Status = api.KeySuperseded
		}
	}
	if args[0] != "--retire" {
		fleet.Spec.SealingKeys = append(fleet.Spec.SealingKeys,
			must(hsm.AddSealingKey(s.token.Config(fleet.Spec.ID), fleet.Spec.ID, args[0], api.SuiteHybrid)))
	}
	s.sign(ts, &fleet.Spec)
}

// cmdIssue is the service's operator, who lists a person and certifies them:
//
//	issue NAME ROLE[,ROLE] REQUEST CERTIFICATE
func cmdIssue(ts *testscript.TestScript, neg bool, args []string) {
	s := worldOf(ts).service
	csr := must(protocol.ReadRequest([]byte(ts.ReadFile(args[2]))))
	person := config.Person{Name: args[0], Identity: must(authority.ReadIdentity(csr))}
	for role := range strings.SplitSeq(args[1], ",") {
		person.Roles = append(person.Roles, config.Role(role))
	}
	s.people = append(slices.DeleteFunc(s.people, func(p config.Person) bool { return p.Name == args[0] }), person)
	s.config.People = s.people
	ts.Check(s.server.SetPeople(context.Background(), s.people))
	leaf, ca, err := authority.IssuePerson(context.Background(),
		authority.Options{Fleet: s.config.Fleet, TTL: time.Hour, Store: s.rows, Token: s.worker}, s.config.People, args[0],
		csr)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), protocol.WritePerson(leaf, ca), 0o644))
}
