package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize"
)

func TestWhatIsReportedOnceIsNotNews(t *testing.T) {
	woken := 0
	b := newReportBook(func() { woken++ })
	secret := func(name string, workloads ...string) *keyservicev1.SecretReport {
		return NewSecret("shop", kustomize.ObjectID{Kind: "Secret", Namespace: "ns", Name: name}, "sha256:1", workloads)
	}
	names := func(secrets []*keyservicev1.SecretReport) (out []string) {
		for _, s := range secrets {
			out = append(out, s.GetName()+" "+s.GetState().Name())
		}
		return out
	}
	check := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, names(b.news())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	b.Stands("shop", []*keyservicev1.SecretReport{secret("a"), secret("b", "Deployment/api")})
	check("at first", "a Provisioned", "b InUse")
	b.took(b.news())
	check("once it is there")
	before := woken
	b.Stands("shop", []*keyservicev1.SecretReport{secret("a"), secret("b", "Deployment/api")})
	if woken != before {
		t.Error("an idle pass woke the reporter")
	}

	b.Absent(secret("a"))
	b.Stands("shop", []*keyservicev1.SecretReport{secret("b", "Deployment/api")})
	check("one is gone", "a Deprovisioned")
	b.Stands("other", []*keyservicev1.SecretReport{secret("a")})
	check("and comes back elsewhere")
	b.left("other")
	check("and is orphaned", "a Unknown")
	b.took(b.news())
	check("as the ledger knows")
	b.left("shop")
	b.Absent(secret("b"))
	check("the rest is pruned", "b Deprovisioned")
	taken := b.news()
	b.took(taken)
	check("at the end")
	if len(b.pending()) != 0 {
		t.Errorf("kept: %v", names(b.pending()))
	}
	config := NewSecret("shop", kustomize.ObjectID{Group: "example.com", Kind: "Vault", Namespace: "ns", Name: "a"}, "", nil)
	if config.GetName() != "Vault/a" {
		t.Errorf("an object that is no Secret is called %q", config.GetName())
	}
}

func TestAReportIsCutToWhatARequestTakes(t *testing.T) {
	if parts := batches(nil); len(parts) != 1 || len(parts[0]) != 0 {
		t.Errorf("nothing to say: %v", parts)
	}
	var secrets []*keyservicev1.SecretReport
	for n := range 2500 {
		var workloads []string
		for i := range n % protocol.MaxWorkloads {
			workloads = append(workloads, fmt.Sprintf("Deployment/%s-%d", strings.Repeat("w", 200), i))
		}
		secrets = append(secrets, NewSecret("shop", kustomize.ObjectID{Kind: "Secret", Namespace: "ns", Name: fmt.Sprint("s", n)}, "sha256:1", workloads))
	}
	total := 0
	for n, part := range batches(secrets) {
		data, err := protojson.Marshal(&keyservicev1.ReportRequest{Secrets: part})
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 || len(part) > protocol.MaxSecrets || len(data) > 256<<10 {
			t.Errorf("part %d: %d secrets, %d bytes", n, len(part), len(data))
		}
		total += len(part)
	}
	if total != len(secrets) {
		t.Errorf("%d of %d", total, len(secrets))
	}
}

// TestAnOutageDelaysNoReportLong: it is tried every minute at the latest, and as
// soon as the service answers anybody; a refusal waits for another head.
func TestAnOutageDelaysNoReportLong(t *testing.T) {
	r := (&Reporter{Snapshots: &view.Snapshots{}, Link: &unseal.Link{}, Times: Times{Pause: time.Millisecond}}).Init()
	r.Link.Answered() // before the outage
	if got := r.pause(20, false); got < 50*time.Second || got > 70*time.Second {
		t.Errorf("the next try of many is after %s", got)
	}
	if got := r.pause(20, true); got < 9*time.Minute {
		t.Errorf("a refused cluster asks again after %s", got)
	}
	for what, wake := range map[string]struct {
		refused bool
		by      func()
	}{
		"an answer to somebody else": {false, r.Link.Answered},
		"another head":               {true, func() { r.Snapshots.Store(&view.Snapshot{Head: "another"}) }},
	} {
		done := make(chan bool, 1)
		go func() {
			_, going := r.sleep(t.Context(), 24*time.Hour, true, wake.refused)
			done <- going
		}()
		wake.by()
		if !wait.Receive(t, what+" wakes it", done) {
			t.Error("it ended")
		}
	}
}
