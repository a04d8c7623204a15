package telling

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/notify"
)

const (
	good = keyservicev1.Readiness_READINESS_READY
	bad  = keyservicev1.Readiness_READINESS_NOT_READY
)

// headOf has two clusters with one placement, and one that Git suspends.
func headOf(hash string) *heads.Head {
	m := &model.Model{
		Clusters: map[string]*api.Cluster{}, Placements: map[string]*api.Placement{}, Sets: map[string]*api.ClusterSet{},
	}
	for _, name := range []string{"eu-1", "eu-2", "us-1", "asleep"} {
		c := &api.Cluster{Metadata: api.Metadata{Name: name, Labels: map[string]string{"region": name[:2]}}}
		c.Spec.Suspend = name == "asleep"
		m.Clusters[name] = c
	}
	for _, name := range []string{"eu", "as", "none"} {
		s := &api.ClusterSet{}
		s.Spec.Selector.MatchLabels = map[string]string{"region": name}
		m.Sets[name] = s
	}
	shop := &api.Placement{}
	shop.Spec.Targets = []api.PlacementTarget{{ClusterName: "eu-1"}, {ClusterName: "eu-2"}, {ClusterName: "asleep"}}
	m.Placements["shop"] = shop
	return &heads.Head{Hash: hash, Model: m}
}

func state(t *testing.T, deliveries ...*keyservicev1.DeliveryState) []byte {
	t.Helper()
	data, err := proto.Marshal(&keyservicev1.ClusterState{Deliveries: deliveries})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func shop(ready keyservicev1.Readiness, reason string) *keyservicev1.DeliveryState {
	return &keyservicev1.DeliveryState{Placement: "shop", Ready: ready, Reason: reason}
}

// TestASetIsReadyAtItsOwnCommit alone, once all its clusters say so of all that the commit
// has for them.
func TestASetIsReadyAtItsOwnCommit(t *testing.T) {
	head := headOf(strings.Repeat("b", 40))
	here := store.Member{Head: head.Hash}
	behind := shop(bad, "BuildFailed")
	behind.Behind = true
	for _, test := range []struct {
		what     string
		member   store.Member
		state    []byte
		pending  bool
		ready    bool
		messages string
	}{
		{"all of it", here, state(t, shop(good, "")), false, true, "2 of 2 clusters are ready"},
		{"as of the commit before", store.Member{Head: strings.Repeat("a", 40)}, state(t, shop(good, "")), true, false,
			"1 of 2 clusters is ready"},
		{"nothing of what it has", here, state(t), true, false, "1 of 2 clusters is ready"},
		{"nothing at all", store.Member{}, nil, true, false, "1 of 2 clusters is ready"},
		{"at work", here, state(t, shop(0, "Progressing")), true, false, "1 of 2 clusters is ready"},
		{"a wave before its own", here, state(t, shop(bad, "WaitingForWave")), true, false, "1 of 2 clusters is ready"},
		{"what was broken as of the commit before", here, state(t, behind), true, false, "1 of 2 clusters is ready"},
		{"it is broken", here, state(t, shop(bad, "BuildFailed")), false, false,
			"1 of 2 clusters is ready; not ready: 1, eu-2 (shop BuildFailed) first"},
	} {
		clusters := map[string]standing{
			"eu-1": standingOf(head, "eu-1", here, state(t, shop(good, ""))),
			"eu-2": standingOf(head, "eu-2", test.member, test.state),
			"us-1": {},
		}
		n := noticeOf(head.Model, "eu", clusters)
		if n.Pending != test.pending || n.Ready != test.ready || n.Message != test.messages {
			t.Errorf("%s: %+v", test.what, n)
		}
	}
	if n := noticeOf(head.Model, "gone", nil); n.Ready || n.Pending || !strings.Contains(n.Message, "no ClusterSet") {
		t.Errorf("a set that the commit does not have: %+v", n)
	}
}

// sender keeps what it was offered.
type sender struct {
	forge bool
	sets  []string

	mu  sync.Mutex
	all []notify.Notice
}

func (s *sender) Offer(n notify.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, n)
}
func (s *sender) Run(ctx context.Context) { <-ctx.Done() }
func (s *sender) Sets() ([]string, bool)  { return s.sets, s.forge }
func (s *sender) offered() []notify.Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]notify.Notice{}, s.all...)
}

// TestWhatWillNotComeAnyMoreIsSuperseded: each hears of its own sets.
func TestWhatWillNotComeAnyMoreIsSuperseded(t *testing.T) {
	whole, eu, chat := &sender{forge: true}, &sender{forge: true, sets: []string{"eu"}}, &sender{}
	telling := &Telling{Clerk: &clerk.Clerk{Ref: "main", Now: time.Now}, Senders: []Sender{whole, eu, chat}}
	next := headOf(strings.Repeat("c", 40))
	n := notify.Notice{Kind: notify.ClusterSet, Name: "eu", Pending: true, Message: "1 of 2 clusters is ready"}
	telling.supersede(told{sets: map[string]notify.Notice{"eu": n, "": {Ready: true}}}, next)
	if got := eu.offered(); len(got) != 1 || got[0].Message != "superseded by cccccccccccc: 1 of 2 clusters is ready" {
		t.Errorf("told %+v", got)
	}
	if len(whole.offered())+len(chat.offered()) > 0 {
		t.Error("others are told of a set that they did not ask for, or of what had come")
	}
	if got := fmt.Sprint(len(telling.sets()), telling.sets()["eu"], telling.sets()[""]); got != "2 true true" {
		t.Errorf("sets that somebody hears of: %s", got)
	}
	if got := telling.revision(next); got != "main@sha1:"+next.Hash {
		t.Errorf("revision %q", got)
	}
}

// TestAFloodOfRefusalsIsOneNotice a minute, which names reasons and a few callers, and
// nothing that a caller wrote.
func TestAFloodOfRefusalsIsOneNotice(t *testing.T) {
	const written = "canary of what a caller wrote"
	synctest.Test(t, func(t *testing.T) {
		chat := &sender{}
		telling := &Telling{Clerk: &clerk.Clerk{Fleet: "6f1c", Now: time.Now}, Senders: []Sender{chat}}
		ctx, end := context.WithCancel(t.Context())
		go telling.Run(ctx)
		began := time.Now()
		for i := range 5 * 60 * 10 { // five minutes of ten a second
			telling.Refused(audit.Entry{Kind: audit.Unseal, Outcome: "NotPlaced", Cluster: fmt.Sprintf("shop-%d", i%2000),
				Digest: written, Object: written, Detail: written})
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * between)
		end()
		all := chat.offered()
		minutes := int(time.Since(began)/between) + 1
		if len(all) < 2 || len(all) > minutes {
			t.Errorf("%d notices in %d minutes", len(all), minutes)
		}
		total := 0
		for _, n := range all {
			count := 0
			if _, err := fmt.Sscanf(n.Message, "refused %d times: NotPlaced", &count); err != nil {
				t.Errorf("%q: %v", n.Message, err)
			}
			total += count
			if strings.Contains(fmt.Sprintf("%+v", n), written) || len(n.Message) > 256 {
				t.Errorf("told %+v", n)
			}
		}
		if total != 3000 {
			t.Errorf("%d of 3000 refusals are counted", total)
		}
	})
}
