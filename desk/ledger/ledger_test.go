package ledger_test

import (
	"testing"
	"time"

	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

var now = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func us(ago time.Duration) int64 { return now.Add(-ago).UnixMicro() }

// answer is a fleet of three clusters, of which one has left and one is silent.
func answer() *keyservicev1.ListLedgerResponse {
	return &keyservicev1.ListLedgerResponse{
		Head: "h2", Time: now.UnixMicro(), Accepted: us(time.Hour),
		Clusters: []*keyservicev1.LedgerCluster{
			{Cluster: "eu", Member: true, Head: "h2", Reported: us(time.Minute), Secrets: []*keyservicev1.LedgerSecret{
				{PlacedDigest: "sha256:1", Secret: &keyservicev1.SecretReport{
					Placement: "pay", Namespace: "pay", Name: "db", Digest: "sha256:1",
					State: keyservicev1.SecretState_SECRET_STATE_IN_USE,
				}},
			}},
			{Cluster: "us", Member: true, Head: "h1", Reported: us(2 * time.Hour)},
			{Cluster: "old"},
		},
		Denials: []*keyservicev1.Denial{{Id: 1, Cluster: "eu", Digest: "sha256:1"}},
	}
}

func TestAnAnswerIsReadByTheServicesClock(t *testing.T) {
	status := ledger.Read(answer(), time.Hour)
	for i, want := range []struct {
		standing       ledger.Standing
		silent, behind bool
	}{{ledger.Member, false, false}, {ledger.Member, true, true}, {ledger.Left, false, false}} {
		c := status.Clusters[i]
		if c.Standing != want.standing || c.Silent != want.silent || status.Behind(c) != want.behind {
			t.Errorf("%s: %+v, behind %v", c.Name, c, status.Behind(c))
		}
	}
	secret := status.Clusters[0].Secrets[0]
	if secret.Object() != "pay/db" || secret.Match != ledger.Current || !secret.Denied {
		t.Errorf("secret %+v", secret)
	}
	if !status.Troubled() {
		t.Error("a silent cluster is no trouble")
	}
}

func TestADenialMatchesAllThatItNames(t *testing.T) {
	secret := ledger.Secret{Placement: "pay", PlacedDigest: "sha256:1"}
	for _, test := range []struct {
		denial ledger.Denial
		want   bool
		what   string
	}{
		{ledger.Denial{Cluster: "eu"}, true, "cluster/eu"},
		{ledger.Denial{Cluster: "us"}, false, "cluster/us"},
		{ledger.Denial{Cluster: "eu", Placement: "pay"}, true, "cluster/eu and placement/pay"},
		{ledger.Denial{Cluster: "eu", Placement: "web"}, false, "cluster/eu and placement/web"},
		{ledger.Denial{Digest: "sha256:1"}, true, "sha256:1"},
		{ledger.Denial{Digest: "sha256:2"}, false, "sha256:2"},
	} {
		if got := test.denial.Matches("eu", secret); got != test.want || test.denial.What() != test.what {
			t.Errorf("%q: %v", test.denial.What(), got)
		}
	}
}

func TestARefusedTipSaysWhatStops(t *testing.T) {
	soon, past := now.Add(time.Hour), now.Add(-time.Hour)
	since := " since 2026-11-22T08:00:00Z: "
	for want, tip := range map[string]ledger.RefusedTip{
		"the repository's branch is gone (gone)" + since + "what was accepted before is unsealed as before": {
			Reason: "gone", Since: now,
		},
		"the repository's newest commit c1 is refused (unsigned)" + since +
			"nothing is unsealed from 2026-11-22T09:00:00Z on, unless it is mended": {
			Tip: "c1", Reason: "unsigned", Since: now, Stops: &soon,
		},
		"the repository's newest commit c1 is refused (unsigned)" + since + "nothing is unsealed until it is mended": {
			Tip: "c1", Reason: "unsigned", Since: now, Stops: &past,
		},
	} {
		if got := tip.Says(now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
