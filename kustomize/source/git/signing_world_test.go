package git

import (
	"errors"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/signer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
	"sigs.k8s.io/yaml"
)

// guarded is a fleet repository whose commits are judged.
type guarded struct {
	t      *testing.T
	repo   *gitserver.Repo
	mirror *Mirror
	floor  *signing.Rules
	now    time.Time
	// last is the head accepted last.
	last string
}

// folders that the fleet demands signatures for.
var guardedPaths = []string{"clusters/", "placements/"}

// fleetWith is fleet.yaml with a signing block.
func fleetWith(t testing.TB, s *api.Signing) string {
	t.Helper()
	text := testfleet.Two()["fleet.yaml"]
	if s == nil {
		return text
	}
	block, err := yaml.Marshal(map[string]any{"signing": s})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(block)) {
		text += "  " + line
	}
	return text
}

func by(require []string, keys ...*signer.Key) *api.Signing {
	s := &api.Signing{Require: require}
	for _, k := range keys {
		if k.Allowed != "" {
			s.AllowedSigners = append(s.AllowedSigners, k.Allowed)
		} else {
			s.OpenPGPKeys = append(s.OpenPGPKeys, k.Armored)
		}
	}
	return s
}

func rules(t testing.TB, s *api.Signing) *signing.Rules {
	t.Helper()
	rules, err := signing.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// newGuarded begins with an accepted head that has the rules.
func newGuarded(t *testing.T, s *api.Signing) *guarded {
	t.Helper()
	_, r, _ := repo(t)
	g := &guarded{t: t, repo: r, mirror: mirror(t, r, t.TempDir(), Limits{}), now: time.Now()}
	g.last = push(t, r, testfleet.Two().With(testfleet.Files{"fleet.yaml": fleetWith(t, s)}))
	return g
}

// as makes the developer sign with a key from now on; nil for nobody's.
func (g *guarded) as(k *signer.Key) *guarded {
	g.t.Helper()
	if k == nil {
		must(g.t, signer.Nobody(g.repo))
	} else {
		must(g.t, k.Signs(g.repo))
	}
	return g
}

func (g *guarded) push(f testfleet.Files) string {
	g.t.Helper()
	return push(g.t, g.repo, f)
}

// git runs git in the clone.
func (g *guarded) git(arguments ...string) string {
	g.t.Helper()
	out, err := g.repo.Git(arguments...)
	must(g.t, err)
	return out
}

// judge fetches the branch and judges it as the next head.
func (g *guarded) judge(rewritten string) (*source.Vouched, string, error) {
	g.t.Helper()
	base := g.last
	if rewritten != "" {
		base = rewritten
	}
	head, err := g.mirror.Fetch(g.t.Context(), base)
	must(g.t, err)
	v, err := g.mirror.Vouch(
		g.t.Context(),
		source.Acceptance{Head: head, Last: g.last, Rewritten: rewritten, Floor: g.floor, Now: g.now},
	)
	return v, head, err
}

// accepts judges the branch and takes it as the last head.
func (g *guarded) accepts(what string) *source.Vouched {
	g.t.Helper()
	v, head, err := g.judge("")
	if err != nil {
		g.t.Fatalf("%s: %v", what, err)
	}
	g.last = head
	return v
}

// refuses judges the branch, wants it refused for commit and reason, and takes
// the commits off the branch again.
func (g *guarded) refuses(what, commit, reason string) {
	g.t.Helper()
	_, _, err := g.judge("")
	var refused *signing.UnverifiedError
	if !errors.As(err, &refused) || refused.Commit != commit || !strings.Contains(err.Error(), reason) {
		g.t.Errorf("%s: %v; want commit %s refused: %s", what, err, commit, reason)
	}
	g.back()
}

// back takes the branch to the last accepted head.
func (g *guarded) back() {
	g.t.Helper()
	g.git("clean", "-dfq")
	must(g.t, g.repo.ForcePush(g.last))
}
